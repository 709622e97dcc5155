// What is wrong with a row, as a list: problems, and what is not as planned.

import { el, visible } from "./dom.js";
import { placeOf } from "./fields.js";

/** Return how much is wrong with a row. */
export const howMany = (row) => (row.problems?.length ?? 0) + (row.violations?.length ?? 0);

/** Return what is wrong with a row as lines of text. */
export const findingsText = (row) =>
  [...(row.problems ?? []), ...(row.violations ?? []).map((one) => one.message)].join("\n");

/** Return where a violation is, such as user_attributes.plan; "" for the batch or its event. */
function pathText(one) {
  if (!one.path?.length) return "";
  const keys = one.event_index === null ? one.path : ["data", ...one.path];
  const parts = keys.map((key) => {
    const text = String(key);
    if (/^\d+$/.test(text)) return `[${text}]`;
    return /^[A-Za-z_]\w*$/.test(text) ? `.${text}` : `[${JSON.stringify(text)}]`;
  });
  return parts.join("").replace(/^\./, "");
}

/**
 * Return a list of what is wrong with a row.
 * @param {{problems?: string[], violations?: any[]}} row
 * @param {((path: string) => void) | null} aim shows the field that a violation is about
 */
export function findings(row, aim = null) {
  const where = (one) => {
    const text = visible(pathText(one));
    if (!text) return null;
    if (aim === null) return el("p.soft.mono", {}, text);
    return el("button.mono", { type: "button", click: () => aim(placeOf(one)) }, text);
  };
  return el(
    "ul.wrongs",
    {},
    ...(row.problems ?? []).map((one) =>
      el("li.problem", {}, el("i", { "aria-hidden": "true" }), el("p", {}, visible(String(one)))),
    ),
    ...(row.violations ?? []).map((one) =>
      el(
        "li.violation",
        {},
        el("i", { "aria-hidden": "true" }),
        el("p", {}, visible(String(one.message))),
        where(one),
      ),
    ),
  );
}
