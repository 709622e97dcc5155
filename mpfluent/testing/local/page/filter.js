// The filter: words to a function of a row. It knows no page.

import { Exact } from "./json.js";

/** What is wrong with an expression, for the reader of the page. */
export class FilterError extends Error {}

// key in the expression -> the values of a row that it means
const KEYS = {
  name: (row) => [row.name, row.kind === "refused" ? row.message : null],
  event: (row) => [row.name],
  type: (row) => [row.event_type, plain(row.event_type).replace(/_event$/, ""), row.action, row.data?.custom_event_type],
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
 * Split an expression into terms.
 * @param {string} text
 * @returns {{not: boolean, key: string | null, value: string, quoted: boolean}[]}
 */
export function terms(text) {
  const found = [];
  let at = 0;
  const word = (stops) => {
    let value = "", quoted = false;
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
    if (at >= text.length) return found;
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
        throw new FilterError(`A value is missing after “${key}:”: write ${key}:something, or ${key}:* for any`);
      }
    } else if (!value && !quoted) throw new FilterError("A word is missing after “-”: write -type:screen_view");
    found.push({ not, key, value, quoted });
  }
}

const plain = (value) => (value === null || value === undefined ? "" : String(value)).toLowerCase();

/** Return whether a text has the shape of a value with asterisks; no regular expression is slow. */
function glob(value) {
  const parts = value.split("*");
  const first = parts.shift(), last = parts.pop();
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
      throw new FilterError(`“${key}:${value}” wants a number after ${compared[1]}: write ${key}:${compared[1]}50`);
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
  const open = [[row.user ?? {}, ""], [row.data ?? {}, ""]];
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

/**
 * Return a function that says whether a row fits.
 * @param {string} text
 * @param {boolean} onlyProblems
 * @returns {(row: any) => boolean}
 * @throws {FilterError}
 */
export function matcher(text, onlyProblems) {
  const tests = terms(text).map(({ not, key, value, quoted }) => {
    if (key === null) {
      const wanted = value.toLowerCase();
      const fits = !quoted && wanted.includes("*") ? glob(`*${wanted}*`) : (name) => name.includes(wanted);
      return (row) => KEYS.name(row).some((name) => fits(plain(name))) !== not;
    }
    const holds = test(key, value, quoted);
    const known = Object.hasOwn(KEYS, key.toLowerCase()) ? KEYS[key.toLowerCase()] : null;
    const name = key.toLowerCase();
    return (row) => {
      const values = known ? known(row) : [];
      const fits = values.some((one) => one !== null && holds(one)) || (namedValues(row).get(name) ?? []).some(holds);
      return fits !== not;
    };
  });
  return (row) => (!onlyProblems || !["ok", "duplicate"].includes(row.verdict)) && tests.every((fits) => fits(row));
}
