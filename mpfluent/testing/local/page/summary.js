// The summary: counts, of which some lead to their rows, and the rate.

import { byId, el } from "./dom.js";
import { plot } from "./plot.js";
import { term } from "./filter.js";
import { count } from "./words.js";

const USUAL = 270; // batches a second: mParticle's default

// count -> its label, what it counts, and the verdict of its rows
const COUNTS = {
  batches: ["batches", "Batches that were accepted", null],
  events: [
    "events",
    "Events that were accepted. A row of the table is an event, a batch without events, or a refused request",
    null,
  ],
  refused: ["refused", "Requests that were refused, or got no answer: show them", "refused"],
  duplicates: [
    "duplicates",
    "Batches that came again with the same source_request_id, which mParticle counts once: show them",
    "duplicate",
  ],
  violations: [
    "violations",
    "What is not as the data plan says; one event may have several: show the rows",
    "violation",
  ],
  problems: [
    "problems",
    "What mParticle would cut or reject; one event may have several: show the rows",
    "problem",
  ],
  dropped: ["no longer held", "Events that fell out of the server's memory", null],
};

/**
 * Make the summary, and return a function that takes the counts.
 * @param {(filter: string) => void} filter shows only what fits
 */
export function summary(filter) {
  const numbers = {};
  for (const [key, [label, title, verdict]] of Object.entries(COUNTS)) {
    const leads = verdict !== null;
    numbers[key] = leads
      ? el("button.number", { type: "button", title, click: () => filter(term("verdict", verdict)) }, "0")
      : el("span.number", {}, "0");
    byId("counts").append(
      el(
        "div",
        { "data-count": key, title: leads ? null : title },
        el("dt", {}, label),
        el("dd", {}, numbers[key]),
      ),
    );
  }
  let rate = 0,
    limit = USUAL;
  const draw = plot(byId("plot"));
  setInterval(() => draw(rate, limit), 1000);
  draw(rate, limit);
  return (counts) => {
    for (const key in numbers) {
      numbers[key].textContent = count(counts[key] ?? 0);
      if (COUNTS[key][2] !== null) numbers[key].disabled = !counts[key];
      numbers[key].closest("div").classList.toggle("zero", !counts[key]);
    }
    numbers.dropped.closest("div").hidden = !counts.dropped;
    rate = counts.rate;
    limit = counts.rate_limit;
    byId("rate").textContent = count(Math.round(rate));
    byId("share").textContent = `${Math.round((100 * rate) / limit)} %`;
    byId("whose").textContent = limit === USUAL ? "mParticle’s default, " : "the limit, ";
    byId("limit").textContent = count(limit);
    byId("summary").classList.toggle("over", rate > limit);
  };
}
