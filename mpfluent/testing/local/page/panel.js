// The panel of one row: event, batch, problems, request and Python, each read when it is looked at.

import * as api from "./api.js";
import * as code from "./code.js";
import { announce, copyButton, el, section, visible } from "./dom.js";
import * as fields from "./fields.js";
import { findings, findingsText, howMany } from "./findings.js";
import { indented, parse, source } from "./json.js";
import { requestTab } from "./request.js";
import { verdict } from "./table.js";
import * as words from "./words.js";

/** Panels of a row, by its kind. */
const TABS = {
  event: ["event", "batch", "problems", "request", "python"],
  batch: ["event", "batch", "problems", "request", "python"],
  refused: ["request"],
};
const TITLES = { event: "Event", batch: "Batch", problems: "Findings", request: "Request", python: "Python" };

// What stands behind each tab. Each gets the row and what was read for it.

async function eventTab(row, read) {
  let batch = {},
    gone = null;
  try {
    batch = parse(source((await read.batch()).batch));
  } catch (error) {
    gone = el("p.failed", {}, visible(error.message)); // the row itself has the event
  }
  const left = [...(row.violations ?? [])]; // each table takes out those of its fields
  const isEvent = row.kind === "event";
  const parts = [];
  if (isEvent) parts.push(fields.table("Data", row.data, "data", left));
  for (const [key, caption] of [
    ["user_identities", "Identities"],
    ["user_attributes", "User attributes"],
  ]) {
    const value = batch[key];
    if (!value || typeof value !== "object" || !Object.keys(value).length) continue;
    const made = fields.table(caption, value, `\n${key}`, left);
    made.classList.add(key);
    parts.push(made);
  }
  const problems = row.problems ?? [];
  return el(
    "div",
    {},
    problems.length || left.length ? findings({ problems, violations: left }) : null,
    section(
      isEvent ? visible(String(row.event_type)) : "A batch without events",
      isEvent ? [copyButton("event", () => indented(source(row.data)), "Copy JSON")] : [],
      ...parts,
      gone,
    ),
  );
}

async function batchTab(row, read) {
  const text = source((await read.batch()).batch);
  return section("The batch", [copyButton("batch", () => text)], code.json(text, "Batch as JSON", row.index));
}

async function problemsTab(row, read, panel) {
  if (!howMany(row)) {
    return section(
      "Nothing is wrong",
      [],
      el("p.soft", {}, "No limit is passed, and nothing is against the data plan, if there is one."),
    );
  }
  return section(
    "What is wrong",
    [copyButton("findings", () => findingsText(row))],
    findings(row, (path) => panel.aim(path)),
  );
}

const NULLS =
  "A field that is null is not set, so the Python leaves it out. A user attribute that is null is a tag, and stays.";

/** Return whether a batch has a null that no batch of ours has. */
function hasNull(batch) {
  const open = [{ ...batch, user_attributes: {} }];
  while (open.length) {
    const value = open.pop();
    if (value === null) return true;
    if (typeof value === "object") open.push(...Object.values(value));
  }
  return false;
}

async function pythonTab(row, read) {
  const text = await read.python();
  return section(
    "The Python that builds it",
    [copyButton("Python", () => text)],
    ...(hasNull(await read.batch().then((one) => one.batch)) ? [el("p.note", {}, NULLS)] : []),
    code.python(text, "Python that builds this batch"),
  );
}

const CONTENT = {
  event: eventTab,
  batch: batchTab,
  problems: problemsTab,
  request: requestTab,
  python: pythonTab,
};

/** Return what reads the answers about a row, each once. */
function reader(row) {
  const kept = {};
  const once = (name, path, made) => () => (kept[name] ??= api.text(path).then(made));
  const batch = encodeURIComponent(row.batch_id ?? "");
  return {
    batch: once("batch", `batches/${batch}`, parse),
    python: once("python", `batches/${batch}?format=python`, (text) => text),
    request: once("request", `requests/${row.request}`, parse),
  };
}

export class Panel {
  /**
   * @param {{place: HTMLElement, closed: () => void, step: (by: number) => void,
   *   find: (request: number) => void, only: (identity: [string, string]) => void}} parts
   */
  constructor(parts) {
    Object.assign(this, parts);
    this.row = null;
    this.aimed = null; // the path of a field that the event's tab is to show
    this.narrow = matchMedia("(max-width: 759px)"); // as in page.css: the panel covers the page
    this.narrow.addEventListener("change", () => this.cover());
    this.tab = "event"; // the one that was looked at last stays open for the next row
    this.place.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.close();
    });
  }

  /** Show a row; with `focus`, the keyboard goes into the panel. */
  open(row, focus) {
    const same = this.row === row;
    this.row = row;
    this.place.hidden = false;
    this.cover();
    if (!same) this.draw();
    if (focus || this.narrow.matches) this.place.querySelector("[role=tab][aria-selected=true]").focus();
  }

  close() {
    if (!this.row) return;
    this.row = null;
    this.place.hidden = true;
    this.place.replaceChildren();
    this.cover();
    this.closed();
  }

  /**
   * Say that the table does not show this row, or null if it does.
   * @param {boolean | null} byFilter
   */
  hiddenBy(byFilter) {
    const text = byFilter === null ? "" : byFilter ? "The filter hides this row" : "";
    const hint = this.place.querySelector(".hint");
    if (hint.textContent !== text) hint.textContent = text;
  }

  /** Show the field at a path of the event's tab. */
  aim(path) {
    this.aimed = path;
    this.select("event", true);
  }

  /** Let nothing have the focus that the panel covers. */
  cover() {
    const covered = this.row !== null && this.narrow.matches;
    for (const part of document.querySelectorAll(".top, .summary, .bar, .list, .foot")) part.inert = covered;
  }

  draw() {
    const row = this.row;
    const tabs = TABS[row.kind] ?? TABS.event;
    const now = tabs.includes(this.tab) ? this.tab : tabs[0];
    const title = words.name(row) ?? words.type(row);
    const button = (label, mark, act) =>
      el("button.quiet.round", { type: "button", "aria-label": label, title: label, click: act }, mark);
    const list = el("div.tabs", { role: "tablist", "aria-label": "About this row" });
    for (const name of tabs) {
      const kind = row.violations?.length ? "violation" : "problem";
      const count =
        name === "problems" && howMany(row)
          ? el(`span.badge.number.${kind}`, {}, String(howMany(row)))
          : null;
      const selected = name === now;
      list.append(
        el(
          "button",
          {
            type: "button",
            role: "tab",
            id: `tab-${name}`,
            "aria-selected": String(selected),
            "aria-controls": "tab-panel",
            tabindex: selected ? "0" : "-1",
            click: () => this.select(name),
          },
          TITLES[name],
          count,
        ),
      );
    }
    list.addEventListener("keydown", (event) => this.tabKey(event, tabs));
    this.content = el("div.content", { role: "tabpanel", id: "tab-panel" });
    const fresh = [
      el(
        "header",
        {},
        el(
          "h2",
          { id: "panel-title" },
          el("bdi", {}, visible(title.length > 300 ? `${title.slice(0, 299)}…` : title)),
        ),
        el(
          "div.moves",
          {},
          button("Newer", "↑", () => this.step(-1)),
          button("Older", "↓", () => this.step(1)),
          button("Close", "✕", () => this.close()),
        ),
        this.line(row),
      ),
      list,
      this.content,
    ];
    const held = this.place.contains(document.activeElement)
      ? (document.activeElement.getAttribute("aria-label") ?? document.activeElement.id)
      : null;
    this.place.replaceChildren(...fresh);
    this.reader = reader(row);
    this.fill(now);
    if (held)
      (
        this.place.querySelector(`[aria-label="${CSS.escape(held)}"], #${CSS.escape(held)}`) ??
        list.querySelector("[aria-selected=true]")
      ).focus();
  }

  /** Return the line under the title. */
  line(row) {
    const who = words.identity(row);
    const only = who && el("button.copy", { type: "button", click: () => this.only(who) }, "Only this user");
    return el(
      "p.soft",
      {},
      verdict(row.verdict),
      el("span", {}, visible(words.type(row))),
      row.environment ? el("span", {}, visible(String(row.environment))) : null,
      el("span.number", { title: words.dateTime(row.at) }, words.time(row.at)),
      only,
      el("span.hint", {}),
    );
  }

  select(name, focus) {
    this.tab = name;
    for (const tab of this.place.querySelectorAll("[role=tab]")) {
      const selected = tab.id === `tab-${name}`;
      tab.setAttribute("aria-selected", String(selected));
      tab.tabIndex = selected ? 0 : -1;
      if (selected && focus) tab.focus();
    }
    this.fill(name);
  }

  tabKey(event, tabs) {
    const at = tabs.findIndex((name) => event.target.closest("[role=tab]")?.id === `tab-${name}`);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      this.select(tabs[(to + tabs.length) % tabs.length], true);
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      this.step(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "PageDown" || event.key === "PageUp") {
      event.preventDefault();
      this.content.scrollBy(0, this.content.clientHeight * (event.key === "PageDown" ? 0.9 : -0.9));
    }
  }

  async fill(name) {
    const { row, content, reader: read } = this;
    content.setAttribute("aria-labelledby", `tab-${name}`);
    content.setAttribute("aria-busy", "true");
    const token = (this.filling = Symbol(name));
    content.replaceChildren(); // what was there is of another tab
    const slow = setTimeout(() => content.replaceChildren(el("p.soft", {}, "Loading …")), 150);
    let made;
    try {
      made = await CONTENT[name](row, read, this);
    } catch (error) {
      made = el("p.failed", {}, visible(String(error.message)));
      announce(String(error.message));
    }
    clearTimeout(slow);
    if (this.filling !== token || this.row !== row) return; // another row or tab is wanted by now
    content.replaceChildren(made);
    content.scrollTop = 0;
    content.querySelector(".here")?.scrollIntoView({ block: "center" });
    fields.aimAt(content, this.aimed);
    this.aimed = null;
    content.removeAttribute("aria-busy");
  }
}
