// JSON as it came: a reader that keeps the text of every number, and a printer that changes no
// token. JSON.parse would round what is beyond 2^53, and lose the difference of 1.0 and 1.

// strings without an alternative for each character, which would fill the stack
const TOKEN =
  /[ \t\r\n]+|"[^"\\]*(?:\\[^][^"\\]*)*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null|[{}[\]:,]/y;

/** A number by its text: it prints as it came, and counts as a number where one is wanted. */
export class Exact {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
  }
  toString() {
    return this.text;
  }
  valueOf() {
    return Number(this.text);
  }
}

const WORDS = { true: true, false: false, null: null };

/** Return the tokens of a JSON text, without white space; each is [start, end]. */
function tokens(text) {
  const found = [];
  let at = 0;
  while (at < text.length) {
    const start = at;
    TOKEN.lastIndex = at;
    if (!TOKEN.test(text)) throw new SyntaxError(`no JSON at character ${at}`);
    at = TOKEN.lastIndex;
    if (!" \t\r\n".includes(text[start])) found.push([start, at]);
  }
  return found;
}

const scalar = (text) => {
  if (text[0] !== '"') return text in WORDS ? WORDS[text] : new Exact(text);
  if (!text.includes("\\")) return text.slice(1, -1);
  return JSON.parse(text.replace(/[\u0000-\u001f]/g, escaped));
};
const escaped = (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;

const SOURCE = Symbol("where an object or array stood in its text");

/**
 * Read a JSON text. Objects have no prototype, so that any name may be a key; numbers are Exact.
 * The texts of objects and arrays are in `source(value)`.
 * @param {string} text
 */
export function parse(text) {
  const open = []; // objects and arrays that are not closed, and the keys that they stand at
  let parent = null,
    key = null,
    result;
  const place = (value) => {
    if (parent === null) {
      if (result !== undefined) throw new SyntaxError("more follows the JSON text");
      result = value;
    } else if (Array.isArray(parent)) parent.push(value);
    else {
      parent[key] = value;
      key = null;
    }
  };
  for (const [start, end] of tokens(text)) {
    const first = text[start];
    if (first === "{" || first === "[") {
      open.push([parent, key, start]);
      parent = first === "{" ? Object.create(null) : [];
      key = null;
    } else if (first === "}" || first === "]") {
      if (!open.length) throw new SyntaxError(`no JSON at character ${start}`);
      const value = parent;
      const [above, at, begin] = open.pop();
      value[SOURCE] = [text, begin, end];
      parent = above;
      key = at;
      place(value);
    } else if (first !== ":" && first !== ",") {
      const value = scalar(text.slice(start, end));
      if (parent !== null && key === null && !Array.isArray(parent)) key = value;
      else place(value);
    }
  }
  if (open.length || result === undefined) throw new SyntaxError("the JSON text breaks off");
  return result;
}

/** Return the text that an object or array was read from. */
export function source(value) {
  const [text, start, end] = value[SOURCE];
  return text.slice(start, end);
}

/**
 * Return the lines of a JSON text, indented, each a list of [kind, text]. Every token is as it
 * came. Kinds: "key", "string", "number", "word", "mark".
 * @param {string} text
 * @returns {[string, string][][]}
 */
export function lines(text) {
  const all = tokens(text);
  const made = [];
  const inObject = [];
  let line = [];
  const begin = () => {
    if (line.length) made.push(line);
    line = inObject.length ? [["space", "  ".repeat(inObject.length)]] : [];
  };
  all.forEach(([start, end], index) => {
    const token = text.slice(start, end);
    const next = index + 1 < all.length ? text[all[index + 1][0]] : "";
    const before = index ? text[all[index - 1][0]] : "";
    if (token === "{" || token === "[") {
      line.push(["mark", token]);
      inObject.push(token === "{");
      if (next !== "}" && next !== "]") begin();
    } else if (token === "}" || token === "]") {
      inObject.pop();
      if (before !== "{" && before !== "[") begin();
      line.push(["mark", token]);
    } else if (token === ",") {
      line.push(["mark", token]);
      begin();
    } else if (token === ":") line.push(["mark", ": "]);
    else if (token[0] === '"') line.push([next === ":" ? "key" : "string", token]);
    else line.push([token in WORDS ? "word" : "number", token]);
  });
  if (line.length) made.push(line);
  return made;
}

/** Return a JSON text indented, with every token as it came. */
export const indented = (text) =>
  lines(text)
    .map((line) => line.map(([, token]) => token).join(""))
    .join("\n");
