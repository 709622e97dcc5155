// The rows that the page holds, and which of them the filter lets through. It knows no page.

import { parse, source } from "./json.js";

/** So many rows are held at most; the oldest leave. */
export const MOST = 50_000;

const NUMBERS = ["id", "at", "request", "size", "status_code", "index"];

/** Read the rows of one message of the stream; `text` is each row as it came. */
export function read(message) {
  return parse(message).rows.map((row) => {
    for (const key of NUMBERS) if (row[key] !== null && row[key] !== undefined) row[key] = Number(row[key]);
    row.text = source(row);
    return row;
  });
}

export class Rows {
  constructor() {
    /** All rows, oldest first. */
    this.all = [];
    /** Those that fit the filter and came before a pause, oldest first. */
    this.shown = [];
    this.fits = (row) => true;
    this.pausedAt = null;
    this.last = 0;
  }

  /** Add rows and return how many of them are shown. */
  add(rows) {
    const before = this.shown.length;
    for (const row of rows) {
      if (row.id <= this.last) continue; // a stream that connected anew gave it again
      this.last = row.id;
      this.all.push(row);
      if (this.pausedAt === null && this.fits(row)) this.shown.push(row);
    }
    const added = this.shown.length - before;
    const over = this.all.length - MOST;
    if (over > 0) {
      this.all.splice(0, over);
      const oldest = this.all[0].id;
      const gone = this.shown.findIndex((row) => row.id >= oldest);
      this.shown.splice(0, gone < 0 ? this.shown.length : gone);
    }
    return added;
  }

  /** Show what fits another filter. */
  filter(fits) {
    this.fits = fits;
    const limit = this.pausedAt ?? Infinity;
    this.shown = this.all.filter((row) => row.id <= limit && fits(row));
  }

  /** Stop or go on to show what arrives. */
  pause(paused) {
    this.pausedAt = paused ? this.last : null;
    if (!paused) this.filter(this.fits);
  }

  /** How many rows came since the pause. */
  get waiting() {
    if (this.pausedAt === null) return 0;
    let count = 0;
    while (count < this.all.length && this.all[this.all.length - 1 - count].id > this.pausedAt) count++;
    return count;
  }

  /** Forget all rows; with `anew`, their numbers begin anew, too. */
  clear(anew) {
    this.all = [];
    this.shown = [];
    if (anew) this.last = 0;
    if (this.pausedAt !== null) this.pausedAt = this.last;
  }
}
