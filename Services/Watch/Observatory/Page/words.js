// Figures as words for a person.

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "medium", hour12: false });

export const time = (text) => clock.format(new Date(text));
export const dateAndTime = (text) => day.format(new Date(text));

/** "0.4 ms", "38 ms", "1.2 s", "3 min", "2 h". */
export function duration(seconds) {
  if (seconds == null) return "";
  if (seconds < 0.0095) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

export function bytes(count) {
  if (count < 1024) return `${count} B`;
  if (count < 1048576) return `${(count / 1024).toFixed(1)} KiB`;
  return `${(count / 1048576).toFixed(1)} MiB`;
}

export const percent = (share) => `${share < 0.1 && share > 0.0005 ? (share * 100).toFixed(1) : Math.round(share * 100)} %`;

export const several = (count, one, many = `${one}s`) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;

/** The sender as shown; the null sender (RFC 5321 4.5.5) has a name of its own. */
export const sender = (address) => (address === "" ? "the mail system" : address);

export const family = (role) =>
  role === "relay" ? "relay" : role.startsWith("imap") ? "imap" : role.startsWith("pop3") ? "pop3" : "smtp";

export const labels = { ham: "wanted", spam: "spam", phish: "phishing" };
