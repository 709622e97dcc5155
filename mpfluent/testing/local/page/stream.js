// The stream of the server: it connects again by itself, from the last row that came.

import { request, token } from "./api.js";

const WAITS = [500, 1000, 2000, 4000]; // milliseconds before each new try

/**
 * Follow the stream until the page ends.
 * @param {{after: () => number, rows: (text: string) => void, counts: (text: string) => boolean,
 *   cleared: () => void, dropped: (text: string) => void, state: (state: string) => void}} on
 */
export function follow(on) {
  let tries = 0, stream = null, timer = 0;
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
      const why = await refusal();
      if (stream !== mine) return;
      on.state(why);
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

/** Return why there is no stream: "token" if the server wants one, else "lost". */
async function refusal() {
  try {
    const answer = await request("counts");
    return answer.status === 401 || answer.status === 403 ? "token" : "lost";
  } catch {
    return "lost";
  }
}
