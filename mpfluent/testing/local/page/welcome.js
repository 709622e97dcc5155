// What stands in the place of the table while it is empty.

import { copyButton, el } from "./dom.js";

const origin = location.origin;
const SAMPLES = {
  Python: `from mpfluent import Batch, Client

user = Batch.for_user(customer_id="123")
host = "${origin}"

with Client("key", "secret", environment="development", host=host) as client:
    client.send(user.event("Searched", {"query": "teapot"}, type="search"))`,
  curl: `curl -u key:secret ${origin}/v2/events -d '{
  "environment": "development",
  "user_identities": {"customer_id": "123"},
  "events": [{"event_type": "custom_event", "data": {
    "event_name": "Searched", "custom_event_type": "search",
    "custom_attributes": {"query": "teapot"}}}]}'`,
};

const remove = (clearFilter) => el("button", { type: "button", click: clearFilter }, "Remove the filter");

const start = (isFiltered, clearFilter) => [
  el("h2", {}, "Nothing has arrived yet"),
  el(
    "p",
    {},
    "Send events to ",
    el("code", {}, origin),
    " as if it were mParticle. They appear here at once",
    isFiltered ? ", if they fit the filter. " : ".",
    isFiltered ? remove(clearFilter) : null,
  ),
  ...Object.entries(SAMPLES).map(([title, text]) =>
    el(
      "section",
      {},
      el(
        "div.title",
        {},
        el("h3", {}, title),
        el("span.grow"),
        copyButton(title, () => text),
      ),
      el("pre.code", { tabindex: "0", role: "region", "aria-label": `${title} example` }, text),
    ),
  ),
];

const hidden = (isFiltered, clearFilter) => [
  el("h2", {}, "No row fits"),
  el("p", {}, isFiltered ? "The filter hides all rows." : "All rows came after the pause."),
  ...(isFiltered ? [remove(clearFilter)] : []),
];

const CONTENT = { start, hidden, lost: () => [] };

/**
 * Return a function that fills the place for a reason: "start", "hidden", "lost", or null.
 * @param {HTMLElement} place
 * @param {() => void} clearFilter
 */
export function emptiness(place, clearFilter) {
  let before = null;
  return (why, isFiltered) => {
    const now = why && `${why} ${isFiltered}`;
    if (now === before) return; // what is being read or copied stays
    before = now;
    place.hidden = why === null;
    if (why !== null) place.replaceChildren(...CONTENT[why](isFiltered, clearFilter));
  };
}
