// The filter: words to a function of a row. It knows no page.

import { Exact } from "./json.js";

/** What is wrong with an expression, for the reader of the page; `fits` is what its rest means. */
export class FilterError extends Error {
  fits = null;
}

// key in the expression -> the values of a row that it means
const KEYS = {
  name: (row) => [row.name, row.kind === "refused" ? row.message : null],
  event: (row) => [row.name],
  type: (row) => [
    row.event_type,
    plain(row.event_type).replace(/_event$/, ""),
    row.action,
    row.data?.custom_event_type,
  ],
  action: (row) => [row.action],
  user: (row) => Object.values(row.user ?? {}),
  environment: (row) => [row.environment],
  env: (row) => [row.environment],
  batch: (row) => [row.batch_id, ...(row.batch_ids ?? [])],
  id: (row) => [row.id],
  request: (row) => [row.request],
  status: (row) => [row.status_code],
  verdict: (row) => [row.verdict],
  kind: (row) => [row.kind],
};

/**
 * Give the terms of an expression.
 * @param {string} text
 * @returns {Generator<{not: boolean, key: string | null, value: string, quoted: boolean}>}
 * @throws {FilterError}
 */
function* terms(text) {
  let at = 0;
  const word = (stops) => {
    let value = "",
      quoted = false;
    while (at < text.length && !stops.includes(text[at])) {
      if (text[at] !== '"') {
        value += text[at++];
        continue;
      }
      const from = at++;
      quoted = true;
      while (at < text.length && text[at] !== '"') {
        if (text[at] === "\\" && '"\\'.includes(text[at + 1] ?? " ")) at++;
        value += text[at++];
      }
      if (at >= text.length) {
        throw new FilterError(`The quote at character ${from + 1} has no end: write ${text.slice(from)}"`);
      }
      at++;
    }
    return { value, quoted };
  };
  for (;;) {
    while (/\s/.test(text[at] ?? "")) at++;
    if (at >= text.length) return;
    const not = text[at] === "-";
    if (not) at++;
    let { value, quoted } = word(": \t\n");
    let key = null;
    if (text[at] === ":") {
      key = value;
      if (!key) throw new FilterError("A name is missing before “:”: write plan:pro");
      at++;
      ({ value, quoted } = word(" \t\n"));
      if (!value && !quoted) {
        throw new FilterError(
          `A value is missing after “${key}:”: write ${key}:something, or ${key}:* for any`,
        );
      }
    } else if (!value && !quoted)
      throw new FilterError("A word is missing after “-”: write -type:screen_view");
    yield { not, key, value, quoted };
  }
}

/** Return the term that means this value and no other. */
export function term(key, value) {
  if (/^[^\s:"*<>=-][^\s:"*]*$/.test(value)) return `${key}:${value}`;
  return `${key}:"${value.replace(/["\\]/g, "\\$&")}"`;
}

const plain = (value) => (value === null || value === undefined ? "" : String(value)).toLowerCase();

/** Return whether a text has the shape of a value with asterisks; no regular expression is slow. */
function glob(value) {
  const parts = value.split("*");
  const first = parts.shift(),
    last = parts.pop();
  return (text) => {
    let at = first.length;
    if (!text.startsWith(first)) return false;
    for (const part of parts) {
      const found = text.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    return text.length - last.length >= at && text.endsWith(last);
  };
}

const isNumeric = (found) =>
  found instanceof Exact || typeof found === "number" || (typeof found === "string" && found.trim() !== "");

/** Return the test that one value has to pass. */
function test(key, value, quoted) {
  const compared = quoted ? null : /^(>=|<=|>|<)(.*)$/s.exec(value);
  if (compared) {
    const bound = Number(compared[2]);
    if (!compared[2].trim() || Number.isNaN(bound)) {
      throw new FilterError(
        `“${key}:${value}” wants a number after ${compared[1]}: write ${key}:${compared[1]}50`,
      );
    }
    const holds = {
      ">": (n) => n > bound,
      "<": (n) => n < bound,
      ">=": (n) => n >= bound,
      "<=": (n) => n <= bound,
    }[compared[1]];
    return (found) => isNumeric(found) && holds(Number(found));
  }
  const wanted = value.toLowerCase();
  if (!quoted && wanted.includes("*")) {
    const fits = glob(wanted);
    return (found) => found !== null && found !== undefined && fits(plain(found));
  }
  return (found) => found !== undefined && (found === null ? wanted === "null" : plain(found) === wanted);
}

const leaves = new WeakMap();

/** Return all named values of a row's data and user, by their name in lower case. */
function namedValues(row) {
  let found = leaves.get(row);
  if (found) return found;
  found = new Map();
  const open = [
    [row.user ?? {}, ""],
    [row.data ?? {}, ""],
  ];
  while (open.length) {
    const [value, name] = open.pop();
    if (value instanceof Exact || value === null || typeof value !== "object") {
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(value);
    } else if (Array.isArray(value)) for (const one of value) open.push([one, name]);
    else for (const key in value) open.push([value[key], key.toLowerCase()]);
  }
  leaves.set(row, found);
  return found;
}

/** Return the function of a row that one term means. */
function meaning({ not, key, value, quoted }) {
  const name = key?.toLowerCase();
  if (key === null) {
    const wanted = value.toLowerCase();
    const fits = !quoted && wanted.includes("*") ? glob(`*${wanted}*`) : (text) => text.includes(wanted);
    return (row) => KEYS.name(row).some((one) => fits(plain(one))) !== not;
  }
  const holds = test(key, value, quoted);
  const known = Object.hasOwn(KEYS, name) ? KEYS[name] : () => [];
  return (row) => {
    const fits = known(row).some((one) => one !== null && holds(one));
    return (fits || (namedValues(row).get(name) ?? []).some(holds)) !== not;
  };
}

/**
 * Return a function that says whether a row fits.
 * @param {string} text
 * @param {boolean} onlyProblems
 * @returns {(row: any) => boolean}
 * @throws {FilterError}
 */
export function matcher(text, onlyProblems) {
  const tests = onlyProblems ? [(row) => !["ok", "duplicate"].includes(row.verdict)] : [];
  const fits = (row) => tests.every((one) => one(row));
  try {
    for (const one of terms(text)) tests.push(meaning(one));
  } catch (error) {
    if (error instanceof FilterError) error.fits = fits;
    throw error;
  }
  return fits;
}
