// Elements, text that is safe to show, and the clipboard. No other file makes HTML of text.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Return the element with this id of the frame.
 * @param {string} id
 * @returns {any}
 */
export const byId = (id) => document.getElementById(id);

/**
 * Make an element; strings among its children become text.
 * @param {string} tag with classes, such as "span.soft.mono"
 * @param {Record<string, any>} [properties] functions are listeners, null and false leave out
 * @param {...(Node | string | null)} children
 */
export function el(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(properties)) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** Make an SVG element. */
export function svg(tag, properties = {}) {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(properties)) made.setAttribute(key, value);
  return made;
}

// What would move, hide or overwrite other text is shown by its name instead.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\p{Cs}]/gu;

const SIGNS = { "\n": "↵", "\t": "⇥" };

const named = (character) => {
  if (character in SIGNS) return SIGNS[character];
  const code = character.charCodeAt(0);
  return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
};

/** Return text for one line, with what is unseen shown by its name. */
export const visible = (text) => text.replace(UNSEEN, named);

/** Return text that may have lines, with what is unseen shown by its name. */
export const visibleLines = (text) =>
  text.replace(UNSEEN, (one) => ("\n\t".includes(one) ? one : named(one)));

/** Return a section: a heading with buttons beside it, and what it is about. */
export const section = (title, buttons, ...children) =>
  el("section", {}, el("div.title", {}, el("h3", {}, title), el("span.grow"), ...buttons), ...children);

/** Say something to screen readers; a later text replaces an earlier one. */
export function announce(text) {
  byId("live").textContent = text;
}

/** Put text on the clipboard; without the clipboard's permission, by a selection. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = el("textarea.hidden", { readonly: true });
    area.value = text;
    (document.querySelector("dialog[open]") ?? document.body).append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

/**
 * Make a button that copies text.
 * @param {string} what such as "event", for its name
 * @param {() => string | Promise<string>} text
 */
export function copyButton(what, text, label = "Copy") {
  const button = el("button.copy", { type: "button", "aria-label": `${label} ${what}` }, label);
  button.addEventListener("click", async () => {
    await copy(await text());
    button.textContent = "Copied";
    announce(`Copied ${what}`);
    setTimeout(() => (button.textContent = label), 1500);
  });
  return button;
}

export { copy };
