// The dialog that makes the next requests fail, to see what an application does.

import * as api from "./api.js";
import { announce, byId, el } from "./dom.js";

// word in the form -> its label, and the action of the fault kit
const FAULTS = {
  unavailable: ["503 Service Unavailable", () => ({ action: "status", status_code: 503 })],
  throttled: [
    "429 Too Many Requests, with Retry-After",
    (seconds) => ({ action: "status", status_code: 429, headers: { "Retry-After": String(seconds) } }),
  ],
  reset: ["Reset the connection, unread", () => ({ action: "reset_before_read" })],
  lost: ["Accept it, then reset: the answer is lost", () => ({ action: "reset_after_read" })],
  hang: ["Hang, then close without an answer", (seconds) => ({ action: "hang", seconds })],
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
  const timed = el("label", { for: "fault-seconds" }, el("span", {}, "Hang for"), seconds, "seconds");
  const choices = Object.entries(FAULTS).map(([word, [label]], index) =>
    el(
      "label.choice",
      {},
      el("input", { type: "radio", name: "fault", value: word, checked: index === 0 }),
      el("span", {}, label),
    ),
  );
  const cancel = el("button", { type: "button" }, "Take back");
  const form = el(
    "form",
    { method: "dialog" },
    el("h2", { id: "fault-title" }, "Make the next requests fail"),
    el("fieldset", {}, el("legend.hidden", {}, "What happens"), ...choices),
    el(
      "div.numbers",
      {},
      el("label", { for: "fault-times" }, el("span", {}, "Next"), times, "requests"),
      timed,
    ),
    failed,
    el(
      "div.buttons",
      {},
      waiting,
      el("span.grow"),
      cancel,
      el("button", { type: "button", click: () => dialog.close() }, "Close"),
      el("button.primary", { type: "submit" }, "Set"),
    ),
  );
  dialog.append(form);

  const chosen = () => form.elements.fault.value;
  const shape = () => {
    timed.hidden = !(chosen() in TIMED);
    seconds.disabled = timed.hidden;
    timed.firstChild.textContent = TIMED[chosen()] ?? "";
  };
  const told = (count) => {
    const what = count === 1 ? "1 request will fail" : `${count} requests will fail`;
    waiting.textContent = count ? what : "No fault waits";
    opener.textContent = count ? `Faults: ${count}` : "Faults";
    opener.classList.toggle("active", count > 0);
    cancel.hidden = !count;
  };
  const ask = async (options) => {
    failed.hidden = true;
    try {
      const count = JSON.parse(await api.text("faults", options)).actions;
      told(count);
      return count;
    } catch (error) {
      failed.textContent = error.message;
      failed.hidden = false;
      return null;
    }
  };
  form.addEventListener("change", shape);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const action = FAULTS[chosen()][1](Number(seconds.value));
    const body = JSON.stringify({ actions: new Array(Number(times.value)).fill(action) });
    const count = await ask({ method: "POST", body, headers: { "Content-Type": "application/json" } });
    if (count !== null) announce(`${count} requests will fail`);
    if (count !== null) dialog.close();
  });
  cancel.addEventListener("click", () => ask({ method: "DELETE" }));
  opener.addEventListener("click", () => {
    shape();
    dialog.showModal();
    ask({});
  });
  told(0);
  return told;
}
