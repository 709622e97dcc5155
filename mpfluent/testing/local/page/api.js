// Requests to the server that gave this page, and the token that it may want.

const KEY = "mpfluent.token";

/** Take the token out of the address, which people share; it is kept for this tab. */
export function takeToken() {
  const address = new URL(location.href);
  const given = address.searchParams.get("token");
  if (given === null) return;
  keepToken(given);
  address.searchParams.delete("token");
  history.replaceState(null, "", address);
}

/** Keep a token for this tab. */
export function keepToken(value) {
  kept = value;
  try {
    sessionStorage.setItem(KEY, value);
  } catch {
    // a browser that stores nothing asks again after a reload
  }
}

let kept = null;
/** Return the token, or "". */
export function token() {
  if (kept === null) {
    try {
      kept = sessionStorage.getItem(KEY);
    } catch {
      // as above
    }
  }
  return kept ?? "";
}

/** Send a request to the API and return the answer, whatever it is. */
export function request(path, options = {}) {
  const headers = { ...options.headers };
  if (token()) headers.Authorization = `Bearer ${token()}`;
  return fetch(`/_mpfluent/${path}`, { ...options, headers });
}

/** Send a request and return the text of the answer; an error has the server's words. */
export async function text(path, options) {
  let answer;
  try {
    answer = await request(path, options);
  } catch {
    throw new Error("The server does not answer. Does it still run?");
  }
  const body = await answer.text();
  if (answer.ok) return body;
  let words = `${answer.status} ${answer.statusText}`;
  try {
    words = JSON.parse(body).error ?? words;
  } catch {
    // an answer that is no JSON has nothing better to say
  }
  throw new Error(words);
}
