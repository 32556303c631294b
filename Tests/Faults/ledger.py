"""What every client was told: append-only, on disk before the client goes on.

A line is one JSON object. `planned` names a mail's token, its SHA-256 and its copies; `eod` is written before the octets that end the
mail leave (the final dot, the end of an APPEND literal); `answer` when the server's answer has been read, `unknown` when the connection
ended without one. `downloaded` and `removed` are POP3's, `note` is what the harness did (faults and their times).
"""
import hashlib, json, os, threading, time


class Mail:
    """One mail as its sender knows it. `places` are the addresses that must each hold one copy of it."""

    def __init__(self, token, via, places, content):
        self.token, self.via, self.places = token, via, list(places)
        self.size, self.sha = len(content), hashlib.sha256(content).hexdigest()
        self.state, self.code, self.id, self.at, self.answered_at = "planned", None, None, None, None
        self.put_off = False  # 451, or NO [UNAVAILABLE], to the end of the mail

    @property
    def acked(self):
        return self.state == "acked"

    @property
    def expected(self):
        """The least and the most copies in each place."""
        return {"acked": (1, 1), "unknown": (0, 1)}.get(self.state, (0, 0))


class Ledger:
    def __init__(self, path):
        self.path, self.mails, self.lock = path, {}, threading.Lock()
        self.file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        self.written = self.synced = 0
        self.syncing = threading.Lock()
        self.downloaded = {}  # (account, token) -> [SHA-256 of what RETR gave]
        self.removed, self.maybe_removed = {}, {}  # (account, token) -> how many, by a QUIT that was answered, or was not

    def _write(self, event, sync=False, **fields):
        line = json.dumps({"t": round(time.time(), 4), "e": event, **fields}) + "\n"
        with self.lock:
            os.write(self.file, line.encode())
            self.written += 1
            mine = self.written
        if not sync:
            return
        with self.syncing:  # who waited here may find its line synced by the one before
            if self.synced < mine:
                with self.lock:
                    upto = self.written
                os.fdatasync(self.file)
                self.synced = upto

    def planned(self, mail):
        with self.lock:
            self.mails[mail.token] = mail
        self._write("planned", token=mail.token, via=mail.via, places=mail.places, size=mail.size, sha=mail.sha)

    def eod(self, mail):
        mail.state, mail.at = "unknown", time.monotonic()  # until an answer is read
        self._write("eod", True, token=mail.token)

    def answer(self, mail, code, text=""):
        ended = mail.state == "unknown"
        mail.code, mail.answered_at = code, time.monotonic()
        mail.state = "acked" if ended and code in (250, "OK") else "refused"
        if mail.acked and code == 250:
            mail.id = text.split()[1] if len(text.split()) > 1 else None
        mail.put_off = ended and (code == 451 or code == "NO" and "[UNAVAILABLE]" in text)
        self._write("answer", True, token=mail.token, code=code, text=text[:120])

    def lost(self, mail, why):
        """The connection ended: before the end of the mail it cannot be there, after it nobody knows."""
        self._write("unknown" if mail.state == "unknown" else "unfinished", True, token=mail.token, why=str(why)[:120])

    def retrieved(self, account, token, sha):
        with self.lock:
            self.downloaded.setdefault((account, token), []).append(sha)
        self._write("downloaded", account=account, token=token, sha=sha)

    def quitting(self, account, tokens):
        self._write("quitting", True, account=account, tokens=tokens)

    def quit(self, account, tokens, sure):
        with self.lock:
            for token in tokens:
                book = self.removed if sure else self.maybe_removed
                book[account, token] = book.get((account, token), 0) + 1
        self._write("removed" if sure else "perhaps removed", True, account=account, tokens=tokens)

    def note(self, text, **fields):
        self._write("note", text=text, **fields)

    def close(self):
        os.fdatasync(self.file)
        os.close(self.file)
