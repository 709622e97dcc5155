// An event as a table of its fields, with what is wrong at the field that it is about.

import { el, visible, visibleLines } from "./dom.js";
import { Exact } from "./json.js";
import { count, dateTime } from "./words.js";

const FIRST = 200; // rows that are shown of a long table; a button shows the others

const isTree = (value) => value !== null && typeof value === "object" && !(value instanceof Exact);

/** Return the fields of an object in order, each {depth, key, value, path}. */
function flat(value, path) {
  const found = [];
  const open = [...children(value, path, 0)].reverse();
  while (open.length) {
    const field = open.pop();
    found.push(field);
    if (isTree(field.value)) open.push(...[...children(field.value, field.path, field.depth + 1)].reverse());
  }
  return found;
}

function* children(value, path, depth) {
  for (const key in value) {
    const name = Array.isArray(value) ? `[${key}]` : key;
    yield { depth, key: name, value: value[key], path: joined([path, key]) };
  }
}

const joined = (path) => path.join("\n"); // where a field is, as text

const KINDS = { string: "string", boolean: "word" };

/** Return where a violation is: in the data of its event, or in the batch. */
export const placeOf = (one) => joined([one.event_index === null ? "" : "data", ...(one.path ?? [])]);

/** Return a value as text with its kind. */
function shown(value) {
  if (isTree(value)) {
    const size = Array.isArray(value) ? value.length : Object.keys(value).length;
    const what = Array.isArray(value) ? ["item", "items"] : ["field", "fields"];
    return el("span.soft", {}, size === 0 ? "empty" : `${count(size)} ${what[size === 1 ? 0 : 1]}`);
  }
  const kind = value === null ? "word" : value instanceof Exact ? "number" : KINDS[typeof value];
  if (value === "") return el("span.soft", {}, "empty text");
  return el(`bdi.${kind}`, {}, visibleLines(String(value)));
}

/** Return what a violation says; where it is, its place in the table says already. */
function violation(one) {
  const said = String(one.message).replace(/^events\[\d+\](?: (?:'[^']*'|"[^"]*"))?: /, "");
  return el("span.wrong", {}, el("i", { "aria-hidden": "true" }), visible(said));
}

/** Return a name that may break after its marks. */
const name = (key) =>
  el(
    "bdi",
    {},
    ...visible(key)
      .split(/(?<=[_.-])/, 40)
      .flatMap((part) => [part, el("wbr")]),
  );

/**
 * Return a table of an object's fields.
 * @param {string} caption
 * @param {any} value
 * @param {string} path of the object, as violations have it
 * @param {any[]} violations those that find their field are taken out
 */
export function table(caption, value, path, violations) {
  const fields = flat(value, path);
  const at = Map.groupBy(violations, placeOf);
  const body = el("tbody");
  const add = (some) => body.append(...some.map((field) => line(field, at.get(field.path) ?? [])));
  // what is wrong is never behind the button
  const first = fields.filter((field, index) => index < FIRST || at.has(field.path));
  add(first);
  const placed = new Set(fields.map((field) => field.path));
  for (let index = violations.length - 1; index >= 0; index--) {
    if (placed.has(placeOf(violations[index]))) violations.splice(index, 1);
  }
  const made = el("div.fields", {}, el("table", {}, el("caption", {}, caption), body));
  if (first.length < fields.length) {
    const more = el("button", { type: "button" }, `Show all ${count(fields.length)} fields`);
    more.addEventListener("click", () => {
      body.replaceChildren();
      add(fields);
      more.remove();
    });
    made.append(more);
  }
  return made;
}

/** Return what the milliseconds of a time mean, or null. */
function moment({ key, value }) {
  if (!key.endsWith("unixtime_ms") || !(value instanceof Exact)) return null;
  const at = Number(value);
  return Math.abs(at) < 8.64e15 ? el("span.soft.number", {}, `  ${dateTime(at)}`) : null;
}

function line(field, wrong) {
  const depth = Math.min(field.depth, 6);
  const value = el("td", {}, shown(field.value), moment(field), ...wrong.map(violation));
  return el(
    `tr.depth-${depth}${wrong.length ? ".has-wrong" : ""}`,
    { "data-path": wrong.length ? field.path : null },
    el("th", { scope: "row" }, name(field.key)),
    value,
  );
}

/** Bring the field at a path into sight; it is one that something is wrong with. */
export function aimAt(content, path) {
  const found = [...content.querySelectorAll("[data-path]")].find((one) => one.dataset.path === path);
  found?.scrollIntoView({ block: "center" });
  found?.classList.add("aimed");
}
