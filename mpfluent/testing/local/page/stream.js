// The stream of the server: it connects again by itself, from the last row that came.

import { request, token } from "./api.js";

const WAITS = [500, 1000, 2000, 4000]; // milliseconds before each new try

/**
 * Follow the stream until the page ends.
 * @param {{after: () => number, rows: (text: string) => void, counts: (text: string) => boolean,
 *   cleared: () => void, dropped: (text: string) => void, state: (state: string) => void}} on
 */
export function follow(on) {
  let tries = 0,
    stream = null,
    timer = 0;
  const connect = () => {
    const query = new URLSearchParams({ after: String(on.after()) });
    if (token()) query.set("token", token());
    const mine = (stream = new EventSource(`/_mpfluent/stream?${query}`));
    stream.onopen = () => {
      tries = 0;
      on.state("live");
    };
    stream.addEventListener("rows", (message) => on.rows(message.data));
    stream.addEventListener("counts", (message) => {
      if (on.counts(message.data)) return;
      mine.close(); // another server, whose rows begin at the beginning
      connect();
    });
    stream.addEventListener("cleared", () => on.cleared());
    stream.addEventListener("dropped", (message) => on.dropped(message.data));
    stream.onerror = async () => {
      // it would connect by itself, but not after each error, and only after seconds
      mine.close();
      on.state("lost");
      const isRefused = await wantsToken();
      if (stream !== mine) return;
      if (isRefused) on.state("token");
      timer = setTimeout(connect, WAITS[Math.min(tries++, WAITS.length - 1)]);
    };
  };
  // A browser has six connections to a server. Pages that nobody sees must not use them up.
  document.addEventListener("visibilitychange", () => {
    clearTimeout(timer);
    stream?.close();
    stream = null;
    if (document.hidden) on.state("asleep");
    else connect();
  });
  if (document.hidden) on.state("asleep");
  else connect();
}

/** Return whether there is no stream because the server wants a token. */
async function wantsToken() {
  try {
    const answer = await request("counts", { signal: AbortSignal.timeout(5000) });
    return answer.status === 401 || answer.status === 403;
  } catch {
    return false;
  }
}
