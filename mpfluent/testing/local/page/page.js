// The page: it joins the stream, the rows, the filter, the table and the panel.

import * as api from "./api.js";
import { announce, byId, copy, el, visible } from "./dom.js";
import { faults } from "./faults.js";
import { FilterError, matcher, term } from "./filter.js";
import { Panel } from "./panel.js";
import { MOST, read, Rows } from "./rows.js";
import { follow } from "./stream.js";
import { summary } from "./summary.js";
import { Table } from "./table.js";
import { emptiness } from "./welcome.js";
import { count, counted, dateTime } from "./words.js";

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
  find: (request) => {
    const row = rows.shown.findLast((one) => one.request === request);
    if (row) table.move(row);
    else announce("The filter hides the row of this request, or it fell out");
  },
});
byId("grid").addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  if (panel.row) panel.close();
  else table.toNewest();
});

// The filter, which the address holds

const inputs = { filter: byId("filter"), problems: byId("problems") };
let saying = 0,
  said = "", // of the filter
  warning = 0;

function filtered() {
  const text = inputs.filter.value;
  let wrong = "";
  try {
    rows.filter(matcher(text, inputs.problems.checked));
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    wrong = error.message;
    rows.filter(error.fits);
  }
  clearTimeout(warning);
  // a word that is being written is broken until it is finished
  warning = setTimeout(() => warned(wrong), wrong ? 400 : 0);
  table.replaced();
  told();
  clearTimeout(saying);
  // not at each key
  saying = setTimeout(() => {
    const text = wrong || (isFiltered() ? `${rows.shown.length} of ${rows.all.length} rows` : "");
    if (text !== said) announce(text); // or it would wipe out what was announced meanwhile
    said = text;
  }, 700);
}

function warned(wrong) {
  const message = byId("filter-message");
  message.textContent = wrong ? `${wrong}. Until then, this word is left out.` : "";
  message.hidden = !wrong;
  inputs.filter.setAttribute("aria-invalid", String(Boolean(wrong)));
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
function clearFilter() {
  setFilter("");
}

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
for (const id of ["filter-help", "help-close"]) {
  byId(id).addEventListener("click", () => {
    const open = byId("help").hidden;
    byId("filter-help").setAttribute("aria-expanded", String(open));
    byId("help").hidden = !open;
  });
}
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

const fillEmpty = emptiness(byId("empty"), clearFilter);

function told() {
  const all = rows.all.length,
    shown = rows.shown.length,
    waiting = rows.waiting;
  const held = all - waiting;
  const some = isFiltered() ? `${count(shown)} of ${count(held)}` : counted(held, "row");
  byId("shown").textContent = waiting ? `${some}, ${count(waiting)} new` : some;
  byId("pause").textContent = rows.pausedAt === null ? "Pause" : "Resume";
  byId("export").disabled = shown === 0;
  byId("clear").disabled = all === 0;
  fillEmpty(shown ? null : all ? "hidden" : connection === "lost" ? "lost" : "start", isFiltered());
  if (panel.row) panel.hiddenBy(rows.shown.includes(panel.row) ? null : isFiltered());
}

// The summary

let counts = { started: null };
const showCounts = summary(setFilter);
const drawFaults = faults();

/** Show the counts, and return whether they are of the same server as before. */
function summarised(text) {
  const before = counts.started;
  counts = JSON.parse(text);
  const isSame = before === null || before === counts.started;
  if (!isSame) anew();
  showCounts(counts);
  drawFaults(counts.faults ?? 0);
  byId("session").textContent = `The server runs since ${dateTime(counts.started).slice(0, -4)}`;
  document.title = `${counts.events ? `(${count(counts.events)}) ` : ""}mpfluent: local mParticle`;
  return isSame;
}

// The stream

const STATES = {
  live: "Live",
  lost: "Reconnecting",
  token: "Wants a token",
  connecting: "Connecting",
  asleep: "Asleep",
};

let connection = "connecting";

function state(now) {
  if (connection === now) return;
  if (now === "live" && connection === "lost") announce("Connected again");
  connection = now;
  stated();
  told();
  if (now === "token") askToken();
}

/** Say how the page is connected, and whether its table stands still. */
function stated() {
  const isPaused = connection === "live" && rows.pausedAt !== null;
  byId("connection").dataset.state = isPaused ? "paused" : connection;
  byId("connection-text").textContent = isPaused ? "Paused" : STATES[connection];
  byId("lost").hidden = connection !== "lost";
  byId("lost").textContent =
    connection === "lost"
      ? `No answer from ${location.host}. Start mpfluent serve again; this page connects by itself.`
      : "";
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
  counts: summarised,
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
    if (rows.all.length === MOST) byId("most").textContent = `Only the last ${count(MOST)} rows are shown. `;
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
  const before = rows.shown.length;
  rows.pause(rows.pausedAt === null);
  byId("pause").setAttribute("aria-pressed", String(rows.pausedAt !== null));
  document.body.classList.toggle("paused", rows.pausedAt !== null);
  table.added(Math.max(0, rows.shown.length - before));
  stated();
  told();
  announce(rows.pausedAt === null ? "The table goes on" : "The table stands still");
});

// The server forgets for good, also what tests wait for: so Clear asks once.
const clear = byId("clear");
let asking = 0;

function ask(isAsking) {
  clearTimeout(asking);
  asking = isAsking ? setTimeout(() => ask(false), 5000) : 0;
  clear.classList.toggle("active", isAsking);
  clear.textContent = isAsking ? `Forget ${counted(rows.all.length, "row")}?` : "Clear";
}

clear.addEventListener("blur", () => ask(false));
clear.addEventListener("click", async () => {
  if (!asking) {
    ask(true);
    announce(`${clear.textContent} Press again to forget them on the server`);
    return;
  }
  ask(false);
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
const shownAddress = location.host;
byId("address-text").textContent = shownAddress;
address.setAttribute("aria-label", `Copy the address ${origin}`);
address.addEventListener("click", async () => {
  await copy(origin);
  announce("Copied the address");
  address.classList.add("done");
  byId("address-text").textContent = "Copied";
  setTimeout(() => {
    address.classList.remove("done");
    byId("address-text").textContent = shownAddress;
  }, 1500);
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

fromAddress();
