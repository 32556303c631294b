// What a protocol line means, and where that is written: for those who read along.

const rfc = (number, section) => ({
  source: `RFC ${number}${section ? ` ${section}` : ""}`,
  link: `https://www.rfc-editor.org/rfc/rfc${number}${section ? `#section-${section}` : ""}`,
});
const note = (text, number, section) => ({ text, ...rfc(number, section) });

const smtp = {
  EHLO: note("the client says its name and asks for the extensions", 5321, "4.1.1.1"),
  HELO: note("a greeting without extensions", 5321, "4.1.1.1"),
  STARTTLS: note("from here on the connection is encrypted", 3207, "4"),
  AUTH: note("a login; the secret is not shown", 4954, "4"),
  MAIL: note("begins a mail: the envelope sender, where failures are reported", 5321, "4.1.1.2"),
  RCPT: note("one envelope recipient", 5321, "4.1.1.3"),
  DATA: note("the message follows, ended by a line with a single dot", 5321, "4.1.1.4"),
  RSET: note("forgets the mail that was begun", 5321, "4.1.1.5"),
  VRFY: note("asks whether an address exists", 5321, "4.1.1.6"),
  NOOP: note("does nothing, keeps the connection alive", 5321, "4.1.1.9"),
  QUIT: note("the client is done", 5321, "4.1.1.10"),
};

const message = note("the message itself; the 250 that follows says: it is stored, and the server answers for it", 5321, "4.2.5");

const smtpReplies = {
  220: note("the service is ready", 5321, "4.2.3"),
  221: note("the server closes the connection", 5321, "4.2.3"),
  235: note("the login was accepted", 4954, "6"),
  250: note("done", 5321, "4.2.3"),
  334: note("the server waits for the next part of the login", 4954, "4"),
  354: note("send the message", 5321, "4.2.3"),
  421: note("not now: the connection is closed", 5321, "4.2.3"),
  450: note("not now; try again later", 5321, "4.2.3"),
  451: note("not now, something failed here; try again later", 5321, "4.2.3"),
  452: note("not now, no room; try again later", 5321, "4.2.3"),
  454: note("not now: TLS or the login is not available", 4954, "6"),
  500: note("the command is not known or too long", 5321, "4.2.3"),
  501: note("the command's parameters are wrong", 5321, "4.2.3"),
  502: note("the command is not offered", 5321, "4.2.3"),
  503: note("the commands come in a wrong order", 5321, "4.2.3"),
  530: note("a login is needed first", 4954, "6"),
  535: note("name or password is wrong", 4954, "6"),
  550: note("refused for good: no such mailbox, or a rule", 5321, "4.2.3"),
  552: note("refused for good: too large", 1870, "6"),
  554: note("refused for good", 5321, "4.2.3"),
};

const imap = {
  CAPABILITY: note("asks what the server can do", 3501, "6.1.1"),
  NOOP: note("does nothing, but news may be told", 3501, "6.1.2"),
  LOGOUT: note("the client is done", 3501, "6.1.3"),
  STARTTLS: note("from here on the connection is encrypted", 3501, "6.2.1"),
  AUTHENTICATE: note("a login; the secret is not shown", 3501, "6.2.2"),
  LOGIN: note("a login; the secret is not shown", 3501, "6.2.3"),
  SELECT: note("opens a mailbox", 3501, "6.3.1"),
  EXAMINE: note("opens a mailbox, read-only", 3501, "6.3.2"),
  CREATE: note("makes a mailbox", 3501, "6.3.3"),
  DELETE: note("removes a mailbox", 3501, "6.3.4"),
  RENAME: note("gives a mailbox another name", 3501, "6.3.5"),
  LIST: note("asks which mailboxes there are", 3501, "6.3.8"),
  LSUB: note("asks which mailboxes are subscribed", 3501, "6.3.9"),
  STATUS: note("asks for the counts of a mailbox without opening it", 3501, "6.3.10"),
  APPEND: note("puts a message into a mailbox", 3501, "6.3.11"),
  CLOSE: note("removes what is marked deleted and closes the mailbox", 3501, "6.4.2"),
  EXPUNGE: note("removes what is marked deleted", 3501, "6.4.3"),
  SEARCH: note("asks which messages match", 3501, "6.4.4"),
  FETCH: note("asks for messages, or parts of them", 3501, "6.4.5"),
  STORE: note("changes flags", 3501, "6.4.6"),
  COPY: note("copies messages to another mailbox", 3501, "6.4.7"),
  UID: note("the same command, with lasting numbers for the messages", 3501, "6.4.8"),
  MOVE: note("moves messages to another mailbox", 6851, "3.1"),
  IDLE: note("waits: the server tells news as they happen", 2177, "3"),
  DONE: note("ends the waiting", 2177, "3"),
  NAMESPACE: note("asks where mailbox names begin", 2342, "5"),
  ID: note("who are you? Programs tell their names", 2971, "3.1"),
  ENABLE: note("switches extensions on", 5161, "3.1"),
  UNSELECT: note("closes the mailbox and removes nothing", 3691, "2"),
};

const imapReplies = {
  OK: note("done", 3501, "7.1.1"),
  NO: note("not done, for a reason", 3501, "7.1.2"),
  BAD: note("the command was not understood", 3501, "7.1.3"),
  PREAUTH: note("logged in already", 3501, "7.1.4"),
  BYE: note("the server closes the connection", 3501, "7.1.5"),
  EXISTS: note("how many messages the mailbox has", 3501, "7.3.1"),
  RECENT: note("how many messages are new to all", 3501, "7.3.2"),
  EXPUNGE: note("a message is gone; those above it count one less", 3501, "7.4.1"),
  FETCH: note("what was asked of a message", 3501, "7.4.2"),
  "+": note("go on", 3501, "7.5"),
};

const pop3 = {
  USER: note("the name of the mailbox", 1939, "7"),
  PASS: note("its password, not shown", 1939, "7"),
  AUTH: note("a login; the secret is not shown", 5034, "4"),
  CAPA: note("asks what the server can do", 2449, "5"),
  STLS: note("from here on the connection is encrypted", 2595, "4"),
  STAT: note("how many messages, how many bytes", 1939, "5"),
  LIST: note("the size of each message", 1939, "5"),
  UIDL: note("a lasting name for each message", 1939, "7"),
  RETR: note("the whole message", 1939, "5"),
  TOP: note("the header and some lines", 1939, "7"),
  DELE: note("marks a message; it goes at QUIT", 1939, "5"),
  RSET: note("forgets the marks", 1939, "5"),
  NOOP: note("does nothing", 1939, "5"),
  QUIT: note("what is marked is removed now", 1939, "6"),
};
const pop3Replies = { "+OK": note("done", 1939, "3"), "-ERR": note("not done", 1939, "3") };

/** `{text, source, link}` for a line of a protocol (smtp, imap, pop3, relay), or undefined. */
export function explain(protocol, direction, text) {
  const words = text.split(" ", 3).map((word) => word.toUpperCase());
  if (protocol === "imap") {
    if (direction === "client") return imap[words[1]] ?? imap[words[0]];
    if (words[0] === "+") return imapReplies["+"];
    return imapReplies[words[1]] ?? (words[0] === "*" ? imapReplies[words[2]] : undefined);
  }
  if (protocol === "pop3") return direction === "client" ? pop3[words[0]] : pop3Replies[words[0]];
  if (direction === "client") return text.startsWith("<") ? message : smtp[words[0]];
  // Of a reply of several lines only the last one is explained (RFC 5321 4.2.1).
  return text[3] === "-" ? undefined : smtpReplies[text.slice(0, 3)];
}
