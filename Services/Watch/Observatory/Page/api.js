// The HTTP API of watchd. The cookie that a login sets travels by itself; scripts never see the token.

export class Problem extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function call(method, path, body) {
  const options = { method, headers: {}, credentials: "same-origin" };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  let answer;
  try {
    answer = await fetch(`/api/v1/${path}`, options);
  } catch {
    throw new Problem(0, "unreachable", "The server does not answer. Is Martlet running?");
  }
  if (answer.status === 204) return null;
  const json = await answer.json().catch(() => null);
  if (answer.ok && json) return json;
  throw new Problem(answer.status, json?.error ?? "unknown", json?.message ?? `The server answered ${answer.status}.`);
}

export const api = {
  me: () => call("GET", "me"),
  login: (user, password) => call("POST", "login", { user, password }),
  logout: () => call("POST", "logout"),
  mails: (before) => call("GET", `mails?limit=50&before=${encodeURIComponent(before)}`),
  mail: (id) => call("GET", `mails/${encodeURIComponent(id)}`),
  sessions: () => call("GET", "sessions?limit=50"),
  session: (id) => call("GET", `sessions/${encodeURIComponent(id)}`),
  retry: (id) => call("POST", `parked/${encodeURIComponent(id)}/retry`),
};

/**
 * Opens the stream. `on[event](data)` for each event; `state("live" | "waiting" | "ended")` for the connection.
 * Returns what closes it. EventSource comes back by itself, with the id of the last event it saw.
 */
export function openStream(on, state) {
  const source = new EventSource("/api/v1/stream");
  const end = () => {
    source.close();
    state("ended");
  };
  source.onopen = () => state("live");
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) end();
    else state("waiting");
  };
  for (const [name, handle] of Object.entries(on)) {
    source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  }
  source.addEventListener("bye", (event) => {
    const { reason } = JSON.parse(event.data);
    if (reason === "expired" || reason === "revoked") end();
  });
  return () => source.close();
}
