// The page: it joins the stream, the rows, the filter, the table and the panel.

import * as api from "./api.js";
import { announce, byId, copy, copyButton, el, visible } from "./dom.js";
import { faults } from "./faults.js";
import { FilterError, matcher, term } from "./filter.js";
import { Panel } from "./panel.js";
import { plot } from "./plot.js";
import { MOST, read, Rows } from "./rows.js";
import { follow } from "./stream.js";
import { Table } from "./table.js";
import { count } from "./words.js";

api.takeToken();
const rows = new Rows();
const origin = location.origin;

// The table and the panel

const table = new Table({
  grid: byId("grid"),
  head: byId("head"),
  body: byId("rows"),
  newest: byId("newest"),
  shown: () => rows.shown,
  opened: (row, byKeyboard) => panel.open(row, byKeyboard),
  moved: (row) => panel.row && panel.open(row),
});
const panel = new Panel({
  place: byId("panel"),
  closed: () => byId("grid").focus(),
  step: (by) => table.step(by),
  only: ([name, value]) => setFilter(term(name, value)),
});
byId("grid").addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (panel.row) panel.close();
  else table.toNewest();
});

// The filter, which the address holds

const inputs = { filter: byId("filter"), problems: byId("problems") };
let saying = 0;

function filtered() {
  const text = inputs.filter.value;
  const message = byId("filter-message");
  let wrong = "";
  try {
    rows.filter(matcher(text, inputs.problems.checked));
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    wrong = error.message;
    rows.filter(error.fits);
  }
  message.textContent = wrong ? `${wrong}. Until then, this word is left out.` : "";
  message.hidden = !wrong;
  inputs.filter.setAttribute("aria-invalid", String(Boolean(wrong)));
  table.replaced();
  told();
  clearTimeout(saying);
  // not at each key
  saying = setTimeout(
    () => announce(wrong || (isFiltered() ? `${rows.shown.length} of ${rows.all.length} rows` : "")),
    700,
  );
}

const isFiltered = () => inputs.filter.value.trim() !== "" || inputs.problems.checked;

let writing = 0;

/** Write the filter into the address; browsers refuse to do it at each key. */
function toAddress() {
  clearTimeout(writing);
  writing = setTimeout(writeAddress, 250);
}

function writeAddress() {
  const address = new URL(location.href);
  address.searchParams.delete("q");
  address.searchParams.delete("problems");
  if (inputs.filter.value.trim()) address.searchParams.set("q", inputs.filter.value);
  if (inputs.problems.checked) address.searchParams.set("problems", "1");
  history.replaceState(null, "", address);
}

function fromAddress() {
  const query = new URLSearchParams(location.search);
  inputs.filter.value = query.get("q") ?? "";
  inputs.problems.checked = query.get("problems") === "1";
  filtered();
}

function setFilter(text) {
  inputs.filter.value = text;
  inputs.problems.checked = false;
  toAddress();
  filtered();
}
const clearFilter = () => setFilter("");

for (const input of Object.values(inputs)) {
  input.addEventListener("input", () => {
    toAddress();
    filtered();
  });
}
inputs.filter.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "Enter") {
    event.preventDefault();
    byId("grid").focus();
    if (table.place() < 0) table.step(1);
  } else if (event.key === "Escape") {
    event.stopPropagation();
    if (inputs.filter.value) clearFilter();
    else byId("grid").focus();
  }
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("filter-help").addEventListener("click", ({ currentTarget: button }) => {
  const open = button.getAttribute("aria-expanded") !== "true";
  button.setAttribute("aria-expanded", String(open));
  byId("help").hidden = !open;
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, dialog[open]");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    inputs.filter.focus();
    inputs.filter.select();
  }
});
addEventListener("popstate", fromAddress);

// How much is shown, and what to do if nothing is

let emptiness = null;

function told() {
  const all = rows.all.length,
    shown = rows.shown.length;
  byId("shown").textContent = isFiltered()
    ? `${count(shown)} of ${count(all)}`
    : `${count(all)} ${all === 1 ? "row" : "rows"}`;
  byId("pause").textContent =
    rows.pausedAt === null ? "Pause" : `Resume${rows.waiting ? ` (${count(rows.waiting)} new)` : ""}`;
  byId("export").disabled = shown === 0;
  byId("clear").disabled = all === 0;
  const why = shown ? null : all ? "filter" : "start";
  if (why === emptiness) return;
  emptiness = why;
  const place = byId("empty");
  place.hidden = why === null;
  if (why === "start") place.replaceChildren(...welcome());
  else if (why === "filter") {
    place.replaceChildren(
      el("h2", {}, "No row fits"),
      el("p", {}, isFiltered() ? "The filter hides all rows." : "All rows came after the pause."),
      isFiltered() ? el("button", { type: "button", click: clearFilter }, "Remove the filter") : "",
    );
  }
}

const SAMPLES = {
  Python: () => `from mpfluent import Batch, Client

with Client("key", "secret", environment="development", host="${origin}") as client:
    client.send(Batch.for_user(customer_id="123").event("Searched", {"query": "teapot"}, type="search"))`,
  curl: () => `curl -u key:secret ${origin}/v2/events -H 'Content-Type: application/json' -d '
{"environment": "development", "user_identities": {"customer_id": "123"}, "events": [
  {"event_type": "custom_event", "data": {"event_name": "Searched", "custom_event_type": "search"}}]}'`,
};

function welcome() {
  return [
    el("h2", {}, "Nothing has arrived yet"),
    el(
      "p",
      {},
      "Send events to ",
      el("code", {}, origin),
      " as if it were mParticle. They appear here at once.",
    ),
    ...Object.entries(SAMPLES).map(([title, text]) =>
      el(
        "section",
        {},
        el("div.title", {}, el("h3", {}, title), el("span.grow"), copyButton(title, text)),
        el("pre.code", { tabindex: "0", role: "region", "aria-label": `${title} example` }, text()),
      ),
    ),
  ];
}

// The summary

const COUNTS = {
  batches: "batches",
  events: "events",
  refused: "refused",
  duplicates: "duplicates",
  violations: "violations",
  problems: "problems",
  dropped: "no longer held",
};
const BAD = new Set(["refused", "violations", "problems"]);
const numbers = {};
for (const [key, label] of Object.entries(COUNTS)) {
  numbers[key] = el("dd.number", {}, "0");
  byId("counts").append(
    el("div", { "data-count": key, "data-bad": BAD.has(key) }, el("dt", {}, label), numbers[key]),
  );
}
byId("counts").querySelector("[data-count=dropped]").hidden = true;

let counts = { rate: 0, rate_limit: 270, started: null };
const drawRate = plot(byId("plot"));
const drawFaults = faults();

/** Show the counts, and return whether they are of the same server as before. */
function counted(text) {
  const before = counts.started;
  counts = JSON.parse(text);
  const isSame = before === null || before === counts.started;
  if (!isSame) anew();
  for (const key in numbers) {
    numbers[key].textContent = count(counts[key] ?? 0);
    numbers[key].parentElement.classList.toggle("zero", !counts[key]);
  }
  numbers.dropped.parentElement.hidden = !counts.dropped;
  byId("rate").textContent = count(Math.round(counts.rate));
  byId("share").textContent = `${Math.round((100 * counts.rate) / counts.rate_limit)} %`;
  byId("limit").textContent = count(counts.rate_limit);
  byId("summary").classList.toggle("over", counts.rate > counts.rate_limit);
  drawFaults(counts.faults ?? 0);
  document.title = `${counts.events ? `(${count(counts.events)}) ` : ""}mpfluent: local mParticle`;
  return isSame;
}
setInterval(() => drawRate(counts.rate, counts.rate_limit), 1000);
drawRate(0, 270);

// The stream

const STATES = {
  live: "Live",
  lost: "Reconnecting",
  token: "Wants a token",
  connecting: "Connecting",
  asleep: "Asleep",
};

function state(now) {
  const place = byId("connection");
  if (place.dataset.state === now) return;
  if (now === "lost") announce("The connection is lost; it is being made again");
  if (now === "live" && place.dataset.state === "lost") announce("Connected again");
  place.dataset.state = now;
  byId("connection-text").textContent = STATES[now];
  if (now === "token") askToken();
}

function anew() {
  rows.clear(true);
  missed = 0;
  panel.close();
  table.active = null;
  table.replaced();
  told();
}

function notice(text) {
  const place = el(
    "p",
    { role: "status" },
    visible(text),
    el("button.quiet.round", { type: "button", "aria-label": "Dismiss", click: () => place.remove() }, "✕"),
  );
  byId("notices").replaceChildren(place);
}

let missed = 0;

follow({
  after: () => rows.last,
  state,
  counts: counted,
  cleared: () => {
    anew();
    announce("All rows were cleared");
  },
  dropped: (text) => {
    missed += JSON.parse(text).rows;
    notice(
      `${count(missed)} ${missed === 1 ? "row" : "rows"} left the server's memory before this page had read them.`,
    );
  },
  rows: (text) => {
    table.added(rows.add(read(text)));
    told();
  },
});

function askToken() {
  const dialog = byId("token-dialog");
  if (dialog.open) return;
  const input = el("input", { type: "password", id: "token", autocomplete: "off", required: true });
  const form = el(
    "form",
    { method: "dialog", submit: () => api.keepToken(input.value) },
    el("h2", { id: "token-title" }, "This server wants its token"),
    el("label", { for: "token" }, el("span", {}, "Token"), input),
    el("div.buttons", {}, el("span.grow"), el("button.primary", { type: "submit" }, "Open")),
  );
  dialog.replaceChildren(form);
  dialog.showModal();
}

// Buttons

byId("pause").addEventListener("click", () => {
  rows.pause(rows.pausedAt === null);
  byId("pause").setAttribute("aria-pressed", String(rows.pausedAt !== null));
  document.body.classList.toggle("paused", rows.pausedAt !== null);
  table.replaced();
  told();
  announce(rows.pausedAt === null ? "The table goes on" : "The table stands still");
});

byId("clear").addEventListener("click", async () => {
  try {
    await api.text("events", { method: "DELETE" });
  } catch (error) {
    notice(error.message);
  }
});

byId("export").addEventListener("click", () => {
  // each row is the text that the stream had: nothing is rounded
  const text = rows.shown.map((row) => `${row.text}\n`).join("");
  const address = URL.createObjectURL(new Blob([text], { type: "application/jsonl" }));
  el("a", { href: address, download: "mpfluent-events.jsonl" }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  announce(`Exported ${rows.shown.length} rows`);
});

const address = byId("address");
address.prepend(origin.replace(/^https?:\/\//, ""));
address.setAttribute("aria-label", `Copy the address ${origin}`);
address.addEventListener("click", async () => {
  await copy(origin);
  announce("Copied the address");
});

const theme = document.documentElement.dataset.theme ?? "system";
for (const input of document.querySelectorAll("[name=theme]")) {
  input.checked = input.value === theme;
  input.addEventListener("change", () => {
    if (input.value === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = input.value;
    try {
      localStorage.setItem("mpfluent.theme", input.value);
    } catch {
      // it holds until the page is loaded again
    }
  });
}

byId("session").textContent = `The page holds the last ${count(MOST)} rows at most`;
fromAddress();
