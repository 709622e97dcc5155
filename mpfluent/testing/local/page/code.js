// Highlighted code: JSON as it came, Python, and headers. Lines stand in blocks, so that the
// browser lays out only the blocks in sight.

import { el, visible, visibleLines } from "./dom.js";
import { lines } from "./json.js";

const BLOCK = 100; // lines
const LINE = 18; // pixels, as in page.css

/** Return a block of code of lines of [kind, text]; one line may have a mark, to be found. */
function code(made, label, marked = -1) {
  const place = el("pre.code", { tabindex: "0", role: "region", "aria-label": label });
  for (let at = 0; at < made.length; at += BLOCK) {
    const some = made.slice(at, at + BLOCK);
    const block = el("code.block", {});
    block.style.containIntrinsicSize = `auto ${some.length * LINE}px`;
    some.forEach((line, index) => {
      for (const [kind, text] of line) {
        block.append(kind === "space" || kind === "mark" ? text : el(`span.${kind}`, {}, visible(text)));
      }
      if (at + index === marked) block.append(el("i.here")); // its words are of the style: nobody copies them
      block.append("\n");
    });
    place.append(block);
  }
  return place;
}

/**
 * Return a JSON text as highlighted code; what is no JSON comes as it is.
 * @param {string} text
 * @param {string} label for screen readers
 * @param {number | null} event which of a batch's events has a mark
 */
export function json(text, label, event = null) {
  let made;
  try {
    JSON.parse(text); // only to see whether it is JSON
    made = lines(text);
  } catch {
    return plain(text, label);
  }
  return code(made, label, event === null ? -1 : lineOfEvent(made, event));
}

const depth = (line) => (line[0][0] === "space" ? line[0][1].length / 2 : 0);

/** Return the line of a batch where one of its events begins, or -1. */
function lineOfEvent(made, event) {
  let at = made.findIndex((line) => depth(line) === 1 && line[1][1] === '"events"');
  for (let left = event; at >= 0 && left >= 0; left--) {
    at = made.findIndex((line, index) => index > at && depth(line) === 2 && line[1][1] !== "}");
  }
  return at;
}

/** Return text as it is. */
export function plain(text, label) {
  return el("pre.code", { tabindex: "0", role: "region", "aria-label": label }, visibleLines(text));
}

// kind -> how it looks in Python; the first that fits counts
const KINDS = {
  comment: /(#[^\n]*)/,
  string: /((?:\b[rbfu]{1,2})?(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))/,
  word: /\b(from|import|as|with|for|in|if|else|None|True|False|lambda|not|and|or)\b/,
  number: /\b(\d[\d_]*(?:\.\d+)?)\b/,
  call: /\b([A-Za-z_]\w*)(?=\()/,
  key: /\b([a-z_]\w*)(?==[^=])/,
};
const PYTHON = new RegExp(
  Object.values(KINDS)
    .map((one) => one.source)
    .join("|"),
  "g",
);
const ORDER = [null, ...Object.keys(KINDS)];

/** Return Python as highlighted code. */
export function python(text, label) {
  const all = [];
  let at = 0;
  for (const found of text.matchAll(PYTHON)) {
    all.push(["mark", text.slice(at, found.index)]);
    const kind = ORDER[found.findIndex((group, index) => index > 0 && group !== undefined)];
    all.push([kind, found[0]]);
    at = found.index + found[0].length;
  }
  all.push(["mark", text.slice(at)]);
  const made = [[]];
  for (const [kind, part] of all) {
    part.split("\n").forEach((piece, index) => {
      if (index) made.push([]);
      if (piece) made[made.length - 1].push([kind, visible(piece)]);
    });
  }
  while (made.length > 1 && !made[made.length - 1].length) made.pop();
  return code(made, label);
}
