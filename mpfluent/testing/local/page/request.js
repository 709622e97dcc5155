// The panel's tab about a request.

import * as code from "./code.js";
import { copyButton, el, section, visible, visibleLines } from "./dom.js";
import { findings } from "./findings.js";
import * as words from "./words.js";

const facts = (pairs) =>
  el(
    "dl.facts",
    {},
    ...pairs.flatMap(([key, value]) => [
      el("dt", {}, key),
      el("dd", {}, typeof value === "string" ? el("bdi", {}, visible(value)) : value),
    ]),
  );

const answer = (status) => (status === null || status === undefined ? "no answer" : String(status));

/** Return one of the attempts to send a batch; it leads to its row. */
function attempt(one, first, row, panel) {
  const isThis = Number(one.request) === row.request;
  const later = Number(one.at) - first;
  const parts = [
    el("span.status", { "data-class": answer(one.status_code)[0] }, answer(one.status_code)),
    el("span.number", {}, ` ${words.time(Number(one.at))}`),
    later ? el("span.soft.number", {}, ` +${(later / 1000).toFixed(2)} s`) : null,
  ];
  if (isThis) return el("li", { "aria-current": "true" }, ...parts);
  return el(
    "li",
    {},
    el("button", { type: "button", click: () => panel.find(Number(one.request)) }, ...parts),
  );
}

/** Return what is known of a row's request: the answer, its attempts, headers and body. */
export async function requestTab(row, read, panel) {
  const got = await read.request();
  const attempts = got.attempts ?? [];
  const first = attempts.length ? Number(attempts[0].at) : 0;
  const headers = Object.entries(got.headers ?? {});
  const body = String(got.body ?? "");
  const others = (got.problems ?? []).filter((one) => one !== got.message);
  const all = el("div");
  if (got.message) {
    all.append(el("blockquote.said", {}, el("p", {}, visibleLines(String(got.message)))));
  }
  all.append(
    section(
      `${visible(String(got.method))} ${visible(String(got.path))}`,
      [
        copyButton("request", () =>
          [`${got.method} ${got.path}`, ...headers.map(([key, value]) => `${key}: ${value}`), "", body].join(
            "\n",
          ),
        ),
      ],
      facts([
        ["Answer", el("span.status", { "data-class": answer(got.status_code)[0] }, answer(got.status_code))],
        ["When", words.dateTime(Number(got.at))],
        ["Connection", `number ${got.connection}, from port ${got.port}`],
        ["Body", words.size(row.kind === "refused" ? row.size : new TextEncoder().encode(body).length)],
        ...(got.batch_ids?.length ? [["Batches", got.batch_ids.map(String).join(", ")]] : []),
      ]),
      ...(others.length && row.kind === "refused" ? [findings({ problems: others })] : []),
    ),
  );
  if (attempts.length > 1) {
    all.append(
      section(
        `${attempts.length} attempts`,
        [],
        el("ol.attempts", {}, ...attempts.map((one) => attempt(one, first, row, panel))),
      ),
    );
  }
  all.append(
    section("Headers", [], facts(headers.map(([key, value]) => [visible(key), String(value)]))),
    section(
      got.cut ? "Body as it came (cut)" : "Body as it came",
      body ? [copyButton("body", () => body)] : [],
      body ? code.json(body, "Body of the request") : el("p.soft", {}, "There is none."),
    ),
  );
  return all;
}
