// What a row says in words: its time, user, type and the interesting part. It knows no page.

import { Exact } from "./json.js";

const USERS = ["customer_id", "email", "mpid"];
const two = (number) => String(number).padStart(2, "0");

/** Return the local time of Unix milliseconds, such as 14:03:07.250. */
export function time(at) {
  const date = new Date(at);
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Return date and time, such as 2026-11-23 14:03:07.250. */
export function dateTime(at) {
  const date = new Date(at);
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${time(at)}`;
}

/** Return the identity that a row is known by, as [name, value], or null. */
export function identity(row) {
  const user = tree(row.user);
  for (const name of USERS)
    if (user[name] !== undefined && user[name] !== null) return [name, String(user[name])];
  for (const name in user) if (user[name] !== null) return [name, String(user[name])];
  return null;
}

/** Return a hue for a text, the same each time. */
export function hue(text) {
  let hash = 0;
  for (const character of text) hash = (hash * 31 + character.codePointAt(0)) % 3600;
  return (hash * 137) % 360;
}

const KINDS = { custom_event: "custom", commerce_event: "commerce" };

/** Return the type of a row's event: of commerce the action, of a custom event its own type. */
export function type(row) {
  if (row.kind === "refused") return "request";
  if (row.kind === "batch") return "batch";
  if (typeof row.action === "string") return row.action.replaceAll("_", " ");
  const finer = row.data?.custom_event_type;
  if (typeof finer === "string" && finer !== "other") return finer.replaceAll("_", " ");
  return KINDS[row.event_type] ?? String(row.event_type ?? "").replaceAll("_", " ");
}

/** Return the name of a row, or null. */
export function name(row) {
  if (row.kind === "refused") return row.status_code === null ? "no answer" : `${row.status_code} refused`;
  if (row.kind === "batch") return "no events";
  return row.name === null || row.name === undefined ? productNames(row) : String(row.name);
}

// what came may have any shape, also one that mParticle does not know
const list = (value) => (Array.isArray(value) ? value : []);
const tree = (value) =>
  value !== null && typeof value === "object" && !(value instanceof Exact) ? value : {};

const products = (row) => [
  ...list(row.data?.product_action?.products),
  ...list(row.data?.product_impressions).flatMap((one) => list(one?.products)),
];

function productNames(row) {
  const names = products(row)
    .map((one) => one?.name)
    .filter((one) => typeof one === "string");
  if (!names.length) return null;
  return names.length > 1 ? `${names[0]} +${names.length - 1}` : names[0];
}

const isScalar = (value) => value === null || typeof value !== "object" || value instanceof Exact;
const short = (value) => {
  const text = isScalar(value) ? String(value) : Array.isArray(value) ? `[${value.length}]` : "{…}";
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
};

// keys of data that say nothing about what happened
const DULL = new Set([
  ...["event_name", "screen_name", "custom_event_type", "source_message_id", "timestamp_unixtime_ms"],
  ...["session_id", "session_uuid", "event_num", "session_start_unixtime_ms", "product_action"],
  ...["custom_attributes", "device_current_state", "currency_code", "event_start_unixtime_ms"],
  ...["canonical_name", "location", "product_impressions", "is_non_interactive", "custom_flags"],
]);

function* pairs(values, dull) {
  for (const key in values) {
    if (dull.has(key) || values[key] === null) continue;
    yield [key, short(values[key])];
  }
}

/**
 * Return the interesting part of a row: pairs of a name and a value, at most five. A name may be
 * empty.
 * @returns {[string, string][]}
 */
export function detail(row) {
  if (row.kind === "refused") return [["", row.message ?? ""]];
  if (row.kind === "batch") return [];
  const data = tree(row.data);
  const found = [];
  const count = products(row).length;
  const amount = data.product_action?.total_amount ?? (count === 1 ? products(row)[0]?.price : null);
  if (amount !== undefined && amount !== null && isScalar(amount)) {
    const currency = isText(data.currency_code) ? ` ${data.currency_code}` : "";
    found.push([currency ? "" : "total", `${amount}${currency}`]);
  }
  if (count && (row.name || count > 1)) found.push(["", count === 1 ? "1 product" : `${count} products`]);
  const values = [pairs(tree(data.custom_attributes), new Set()), pairs(data, DULL)];
  for (const some of values) {
    for (const pair of some) {
      found.push(pair);
      if (found.length === 5) return found;
    }
  }
  return found;
}

const isText = (value) => typeof value === "string" && value !== "";

/** Return a size in bytes, kB or MB. */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

const group = new Intl.NumberFormat("en", { useGrouping: true });
/** Return a count with thin spaces between thousands. */
export const count = (number) => group.format(number).replaceAll(",", "\u202f");

/** Return a count with its noun, such as "2 rows". */
export const counted = (number, noun) => `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
