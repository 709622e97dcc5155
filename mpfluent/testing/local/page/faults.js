// The dialog that makes the next requests fail, to see what an application does.

import * as api from "./api.js";
import { announce, byId, el } from "./dom.js";

// word in the form -> its label, how it is called when it waits, and the action of the fault kit
const FAULTS = {
  unavailable: ["503 Service Unavailable", "503", () => ({ action: "status", status_code: 503 })],
  throttled: [
    "429 Too Many Requests, with Retry-After",
    "429",
    (seconds) => ({ action: "status", status_code: 429, headers: { "Retry-After": String(seconds) } }),
  ],
  reset: ["Reset the connection before reading", "a reset", () => ({ action: "reset_before_read" })],
  lost: [
    "Accept it, then reset: the answer is lost",
    "a lost answer",
    () => ({ action: "reset_after_read" }),
  ],
  hang: ["Hang, then close without an answer", "a hang", (seconds) => ({ action: "hang", seconds })],
};
const TIMED = { throttled: "Retry after", hang: "Hang for" };

/** Make the dialog, and return a function that is told how many faults wait. */
export function faults() {
  const dialog = byId("fault-dialog");
  const opener = byId("faults");
  const waiting = el("p.soft", { role: "status" });
  const failed = el("p.failed", { role: "alert", hidden: true });
  const times = el("input", {
    type: "number",
    id: "fault-times",
    min: "1",
    max: "100",
    value: "1",
    required: true,
  });
  const seconds = el("input", {
    type: "number",
    id: "fault-seconds",
    min: "0",
    max: "3600",
    value: "5",
    required: true,
  });
  const timed = el("label.timed", { for: "fault-seconds" }, el("span", {}, "Hang for"), seconds, "seconds");
  const noun = el("span", {}, "request");
  const submit = el("button.primary", { type: "submit" }, "Make it fail");
  const set = []; // how the faults are called that this page has set and that wait
  const choices = Object.entries(FAULTS).map(([word, [label]], index) =>
    el(
      "label.choice",
      {},
      el("input", { type: "radio", name: "fault", value: word, checked: index === 0 }),
      el("span", {}, label),
    ),
  );
  const cancel = el("button", { type: "button" }, "Cancel the faults");
  const form = el(
    "form",
    { method: "dialog" },
    el("h2", { id: "fault-title" }, "Make the next requests fail"),
    el("fieldset", {}, el("legend.hidden", {}, "What happens"), ...choices),
    el("div.numbers", {}, el("label", { for: "fault-times" }, el("span", {}, "Next"), times, noun)),
    failed,
    el(
      "div.buttons",
      {},
      waiting,
      el("span.grow"),
      cancel,
      el("button", { type: "button", click: () => dialog.close() }, "Close"),
      submit,
    ),
  );
  dialog.append(form);

  const chosen = () => form.elements.fault.value;
  const shape = () => {
    timed.hidden = !(chosen() in TIMED);
    seconds.disabled = timed.hidden;
    timed.firstChild.textContent = TIMED[chosen()] ?? "";
    form.querySelector("input:checked").parentElement.after(timed);
    const one = times.value === "1";
    noun.textContent = one ? "request" : "requests";
    submit.textContent = one ? "Make it fail" : "Make them fail";
  };
  const told = (count) => {
    set.splice(0, set.length - count); // the oldest were taken
    const next = set.length === count ? `; the next gets ${set[0]}` : "";
    const what = count === 1 ? "1 request will fail" : `${count} requests will fail`;
    waiting.textContent = count ? `${what}${next}` : "No fault waits";
    opener.title = count ? waiting.textContent : "Make the next requests fail";
    opener.textContent = count ? `Faults: ${count}` : "Faults";
    opener.classList.toggle("active", count > 0);
    cancel.hidden = !count;
  };
  const ask = async (options, called = []) => {
    failed.hidden = true;
    try {
      const count = JSON.parse(await api.text("faults", options)).actions;
      set.push(...called);
      told(count);
      return count;
    } catch (error) {
      failed.textContent = error.message;
      failed.hidden = false;
      return null;
    }
  };
  form.addEventListener("input", shape);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const [, called, made] = FAULTS[chosen()];
    const actions = new Array(Number(times.value)).fill(made(Number(seconds.value)));
    const options = { method: "POST", headers: { "Content-Type": "application/json" } };
    const words = actions.map(() => called);
    const count = await ask({ ...options, body: JSON.stringify({ actions }) }, words);
    if (count !== null) announce(`${count} requests will fail`);
    if (count !== null) dialog.close();
  });
  cancel.addEventListener("click", () => ask({ method: "DELETE" }));
  opener.addEventListener("click", () => {
    shape();
    dialog.showModal();
    form.querySelector("input:checked").focus();
    ask({});
  });
  told(0);
  return told;
}
