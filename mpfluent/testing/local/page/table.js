// The table: only the rows in sight are elements, so that thousands stay smooth. Newest first.

import { el, visible } from "./dom.js";
import * as words from "./words.js";

const AROUND = 8; // rows that are made above and below what is in sight
const VERDICTS = {
  ok: "ok",
  problem: "problem",
  violation: "violation",
  duplicate: "duplicate",
  refused: "refused",
};

// the class has a prefix, since a mark in the cell has the plain word
const cell = (name, ...children) => el(`div.cell.c-${name}`, { role: "gridcell" }, ...children);
const cut = (text) => visible(text.length > 300 ? `${text.slice(0, 299)}…` : text);

// column -> its head, and the content of a row's cell
const COLUMNS = {
  time: ["Time", (row) => [words.time(row.at)]],
  environment: ["Env", environment],
  user: ["User", user],
  type: ["Type", (row) => [cut(words.type(row))]],
  name: ["Name", (row) => [name(row)]],
  detail: ["Detail", detail],
  size: ["Size", (row) => [words.size(row.size)]],
  verdict: ["Verdict", (row) => [verdict(row.verdict)]],
};

function environment(row) {
  if (!row.environment) return [];
  const short = row.environment === "production" ? "prod" : "dev";
  return [el(`span.environment.${short}`, { title: cut(row.environment) }, short)];
}

function user(row) {
  const found = words.identity(row);
  if (!found) return [el("span.soft", {}, row.kind === "refused" ? "" : "nobody")];
  const dot = el("i.dot", { "aria-hidden": "true" });
  dot.style.setProperty("--hue", words.hue(found[1]));
  return [dot, el("bdi", { title: cut(`${found[0]}: ${found[1]}`) }, cut(found[1]))];
}

function name(row) {
  const found = words.name(row);
  return found === null ? el("span.none", {}, cut(words.type(row))) : el("bdi", {}, cut(found));
}

function detail(row) {
  return words
    .detail(row)
    .map(([key, value]) =>
      el("span.pair", {}, key ? el("span.soft", {}, `${cut(key)} `) : null, el("bdi", {}, cut(value))),
    );
}

/** Give a cell that does not show all of its text a title that has it. */
function titled({ target }) {
  const found = target.closest(".cell");
  if (found && !found.title && found.scrollWidth > found.clientWidth) found.title = found.textContent;
}

/** Return the mark of a verdict. */
export function verdict(word) {
  const known = Object.hasOwn(VERDICTS, word) ? word : "problem";
  return el(`span.verdict.${known}`, {}, el("i", { "aria-hidden": "true" }), VERDICTS[known]);
}

/** Make the table in the elements of the frame. */
export class Table {
  /**
   * @param {{grid: HTMLElement, head: HTMLElement, body: HTMLElement, newest: HTMLElement,
   *   shown: () => any[], opened: (row: any) => void, moved: (row: any) => void}} parts
   */
  constructor(parts) {
    Object.assign(this, parts);
    this.made = new Map();
    this.active = null; // the row that the keyboard is on
    this.unseen = 0; // rows that came above what is in sight
    this.head.append(
      ...Object.entries(COLUMNS).map(([key, [title]]) =>
        el(`div.cell.c-${key}`, { role: "columnheader" }, title),
      ),
    );
    this.grid.setAttribute("aria-colcount", Object.keys(COLUMNS).length);
    this.grid.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.grid.addEventListener("keydown", (event) => this.key(event));
    this.body.addEventListener("click", (event) => this.clicked(event));
    this.body.addEventListener("pointerover", titled);
    this.newest.addEventListener("click", () => this.toNewest());
    new ResizeObserver(() => this.measure()).observe(this.grid);
    this.measure();
  }

  measure() {
    const height = parseFloat(getComputedStyle(this.grid).getPropertyValue("--row")) || 32;
    const before = this.height;
    this.height = height;
    if (before === undefined || before === height) {
      this.draw();
      return;
    }
    this.made.forEach((element) => element.remove());
    this.made.clear();
    this.render(); // now: with the next frame, this one would be empty
  }

  /** Draw once, before the next frame. */
  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.render();
    });
  }

  /** Say that so many rows came on top: what is being read stays where it is. */
  added(count) {
    const reading = this.grid.scrollTop > 0 || this.place() >= 0;
    if (reading && count) {
      this.unseen += count;
      this.anchor = (this.anchor ?? this.grid.scrollTop) + count * this.height;
    }
    this.draw();
  }

  /** Say that all rows changed, such as by another filter. */
  replaced() {
    this.unseen = 0;
    this.anchor = null;
    if (this.place() >= 0) this.reveal();
    else this.grid.scrollTop = 0;
    this.draw();
  }

  scrolled() {
    if (this.grid.scrollTop <= 0) this.unseen = 0;
    this.draw();
  }

  render() {
    const rows = this.shown();
    const total = rows.length;
    this.body.style.height = `${total * this.height}px`;
    if (this.anchor !== null && this.anchor !== undefined) this.grid.scrollTop = this.anchor;
    this.anchor = null;
    const first = Math.max(0, Math.floor(this.grid.scrollTop / this.height) - AROUND);
    const last = Math.min(total, first + Math.ceil(this.grid.clientHeight / this.height) + 2 * AROUND);
    const wanted = new Set();
    const fresh = document.createDocumentFragment();
    for (let index = first; index < last; index++) {
      const row = rows[total - 1 - index];
      wanted.add(row.id);
      let element = this.made.get(row.id);
      if (!element) {
        element = this.element(row);
        this.made.set(row.id, element);
        fresh.append(element);
      }
      element.style.transform = `translateY(${index * this.height}px)`;
      element.setAttribute("aria-rowindex", index + 2);
      element.setAttribute("aria-selected", this.active === row);
    }
    for (const [id, element] of this.made) {
      if (wanted.has(id)) continue;
      element.remove();
      this.made.delete(id);
    }
    this.body.append(fresh);
    this.grid.setAttribute("aria-rowcount", total + 1);
    if (this.active && wanted.has(this.active.id)) {
      this.grid.setAttribute("aria-activedescendant", `row-${this.active.id}`);
    } else this.grid.removeAttribute("aria-activedescendant");
    this.newest.hidden = !this.unseen;
    this.newest.textContent = `↑ ${words.count(this.unseen)} new`;
  }

  element(row) {
    const made = el(`div.row.is-${row.verdict in VERDICTS ? row.verdict : "problem"}`, {
      role: "row",
      id: `row-${row.id}`,
    });
    for (const [key, [, content]] of Object.entries(COLUMNS)) made.append(cell(key, ...content(row)));
    return made;
  }

  // Moving

  clicked(event) {
    const element = event.target.closest(".row");
    const row = element && this.shown().find((one) => `row-${one.id}` === element.id);
    if (!row || getSelection().toString()) return;
    this.move(row);
    this.opened(row);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(this.grid.clientHeight / this.height) - 2);
    const steps = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -Infinity,
      End: Infinity,
    };
    if (event.key in steps) this.step(steps[event.key]);
    else if (event.key === "Enter" && this.place() >= 0) this.opened(this.active, true);
    else return;
    event.preventDefault();
  }

  /** Return how many rows are above the active one; -1 if there is none, or the filter hides it. */
  place() {
    const at = this.active === null ? -1 : this.shown().lastIndexOf(this.active);
    return at < 0 ? -1 : this.shown().length - 1 - at;
  }

  /** Go so many rows down and return the row there. */
  step(by) {
    const rows = this.shown();
    if (!rows.length) return null;
    const top = Math.ceil(this.grid.scrollTop / this.height);
    const at = this.place() >= 0 ? this.place() : top - Math.sign(by);
    const index = Math.min(rows.length - 1, Math.max(0, at + by));
    this.move(rows[rows.length - 1 - index]);
    return this.active;
  }

  move(row) {
    this.active = row;
    this.reveal();
    this.draw();
    this.moved(row);
  }

  reveal() {
    const rows = this.shown();
    const top = this.place() * this.height;
    this.body.style.height = `${rows.length * this.height}px`;
    const sight = this.grid.clientHeight - this.head.offsetHeight;
    if (top < this.grid.scrollTop) this.grid.scrollTop = top;
    else if (top + this.height > this.grid.scrollTop + sight) this.grid.scrollTop = top + this.height - sight;
  }

  /** Leave the row and follow what arrives. */
  toNewest() {
    this.active = null;
    this.unseen = 0;
    this.anchor = null;
    this.grid.scrollTop = 0;
    this.draw();
  }
}
