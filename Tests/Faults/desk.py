"""F5: one user's mailboxes A and B, a model of what must be in them, and accessd dying in mid-command."""
import hashlib, re, threading, time
from wire import IMAP, Gone, content, new_token


class Desk:
    def __init__(self, system, account, r):
        self.system, self.account, self.r = system, account, r
        self.boxes = {"A": {}, "B": {}}  # {uid: token}
        self.flagged, self.deleted, self.sent = set(), set(), {}
        self.highest, self.validity = {"A": 0, "B": 0}, {}
        self.interrupted = self.answered = 0
        client = IMAP(system, account)
        for name in self.boxes:
            client.ok(f"CREATE {name}")
        client.logout()
        self.look()

    # -- what is there
    def look(self):
        """Reads A and B; every rule that holds at all times is checked here."""
        client, now = IMAP(self.system, self.account), {}
        for name in self.boxes:
            lines, _ = client.ok(f"SELECT {name}")
            text = b"".join(lines)
            validity = int(re.search(rb"UIDVALIDITY (\d+)", text)[1])
            if self.validity.setdefault(name, validity) != validity:
                self.r.fail(f"UIDVALIDITY of {name} changed")
            exists = int(re.search(rb"\* (\d+) EXISTS", text)[1])
            now[name] = {}
            for line in client.ok("FETCH 1:* (UID FLAGS BODY.PEEK[])")[0] if exists else []:
                found = re.search(rb"UID (\d+)", line)
                if not found or b"BODY[]" not in line:
                    continue
                uid, data = int(found[1]), line[line.index(b"\r\n") + 2:-3]
                token = re.search(rb"Subject: fault (\w+)", data)[1].decode()
                if hashlib.sha256(data).hexdigest() != self.sent.get(token):
                    self.r.fail(f"altered: {name} {uid}")
                before = self.boxes[name].get(uid)
                if before is None and uid <= self.highest[name]:
                    self.r.fail(f"{name}: UID {uid} was given again or out of order")
                if before is not None and before != token:
                    self.r.fail(f"{name}: UID {uid} is another message now")
                now[name][uid] = token
                (self.flagged.add if b"\\Flagged" in line else self.flagged.discard)((name, uid))
                (self.deleted.add if b"\\Deleted" in line else self.deleted.discard)((name, uid))
            self.highest[name] = max([self.highest[name], *now[name]])
        client.logout()
        return now

    def fill(self):
        client = IMAP(self.system, self.account)
        while len(self.boxes["A"]) < 8:
            data = self.new_mail()
            client.start(f"APPEND A {{{len(data)}}}")
            client.response()
            client.send(data + b"\r\n")
            _, result = client.finish()
            assert result.startswith("OK"), result
            self.boxes = self.look() if not len(self.boxes["A"]) % 4 else {**self.boxes, "A": {**self.boxes["A"], **self._appended(result)}}
        client.logout()
        self.boxes = self.look()

    def _appended(self, result):
        uid = int(re.search(r"APPENDUID \d+ (\d+)", result)[1])
        return {uid: self.last}

    def new_mail(self, size=2000):
        self.last = new_token()
        data = content(self.last, self.account.address, "nobody@load.test", size, self.r.rng)
        self.sent[self.last] = hashlib.sha256(data).hexdigest()
        return data

    # -- one command, and accessd dies in it
    def strike(self, command):
        self.fill()
        before = {name: dict(box) for name, box in self.boxes.items()}
        chosen = sorted(self.r.rng.sample(sorted(before["A"]), 4))
        uids = ",".join(map(str, chosen))
        tokens = [before["A"][uid] for uid in chosen]
        client = IMAP(self.system, self.account)
        client.ok("SELECT A")
        if command == "EXPUNGE":
            client.ok(f"UID STORE {uids} +FLAGS (\\Deleted)")
            # An earlier EXPUNGE that did not happen may have left some marked.
            chosen = sorted({*chosen, *(uid for uid in before["A"] if ("A", uid) in self.deleted)})
        whole, pid = True, self.system.pid("accessd")
        killer = threading.Timer(10 ** self.r.rng.uniform(-3.5, -1.5), lambda: self.system.kill("accessd"))
        self.r.struck(f"kill -9 accessd in {command}")
        try:
            if command == "APPEND":
                data = self.new_mail(200_000 if self.r.rng.random() < 0.3 else 3000)
                tokens = [self.last]
                client.start(f"APPEND A {{{len(data)}}}")
                client.response()
                whole = self.r.rng.random() < 0.6
                killer.start()
                client.send(data + b"\r\n" if whole else data[:len(data) // 2])
            else:
                killer.start()
                client.start({"COPY": f"UID COPY {uids} B", "MOVE": f"UID MOVE {uids} B", "STORE": f"UID STORE {uids} +FLAGS (\\Flagged)",
                              "EXPUNGE": "EXPUNGE"}[command])
            lines, result = client.finish(command)
        except Gone:
            lines, result = [], None
        killer.join()
        client.close()
        if result and not result.startswith("OK"):
            self.r.fail(f"{command}: {result}")
        self.answered += result is not None
        self.interrupted += result is None
        self.r.within("serving again", self.system.serving("accessd"), 2)
        until = time.monotonic() + 10
        while True:
            try:
                after = self.look()
                break
            except Gone as error:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)
        self.check(command, result is not None, before, after, chosen, tokens, whole)
        self.boxes = after

    def check(self, command, done, before, after, chosen, tokens, whole):
        wrong = lambda text: self.r.fail(f"{command} ({'OK' if done else 'no answer'}): {text}")
        gained = {name: sorted(token for uid, token in after[name].items() if uid not in before[name]) for name in after}
        lost = {name: sorted(uid for uid in before[name] if uid not in after[name]) for name in after}
        some, wanted = [], sorted(tokens)
        expected = {
            "APPEND": [({"A": wanted, "B": some}, {"A": [], "B": []})],
            "COPY": [({"A": some, "B": wanted}, {"A": [], "B": []})],
            "MOVE": [({"A": some, "B": wanted}, {"A": chosen, "B": []})],
            "STORE": [({"A": some, "B": some}, {"A": [], "B": []})],
            "EXPUNGE": [({"A": some, "B": some}, {"A": chosen, "B": []})]}[command]
        nothing = ({"A": [], "B": []}, {"A": [], "B": []})
        if command == "APPEND" and not whole:
            expected = [nothing]
        elif not done:
            expected = expected + [nothing]
        if (gained, lost) not in expected:
            wrong(f"gained {gained}, lost {lost}; chosen {chosen} {tokens}")
        if command == "STORE" and done and not all(("A", uid) in self.flagged for uid in chosen):
            wrong("flags are missing")
