"""Several sessions do random things to one mailbox. Each keeps a model of what it was told and holds every response
against it; in the end all of them must know the same."""
import random, re, threading, time
import pytest
from strict_imap import Session, Wrong, fetch_items

SECONDS, SESSIONS = 12, 5


class Modelled:
    """A session with what its client would believe: the UID of every sequence number, and flags by UID."""

    def __init__(self, martlet, account, seed):
        self.random, self.session = random.Random(seed), Session(martlet, account)
        self.counts = {}
        self.select()

    def select(self):
        self.uids, self.flags = [], {}
        self.take(self.session.ok("SELECT box"))
        if self.uids:
            self.run("FETCH 1:* (UID FLAGS)", shifts=False)

    def take(self, responses, shifts=True):
        for response in responses:
            match = re.match(rb"\* (\d+) (EXISTS|EXPUNGE|FETCH)", response)
            if not match:
                continue
            number, kind = int(match.group(1)), match.group(2)
            if kind == b"EXISTS":
                if number < len(self.uids):
                    raise Wrong(f"EXISTS went from {len(self.uids)} to {number}")
                self.uids += [None] * (number - len(self.uids))
                continue
            if not 1 <= number <= len(self.uids):
                raise Wrong(f"{response[:60]!r} with {len(self.uids)} messages")
            if kind == b"EXPUNGE":
                if not shifts:
                    raise Wrong("EXPUNGE during FETCH, STORE or SEARCH")
                self.flags.pop(self.uids.pop(number - 1), None)
            else:
                self.learn(number, fetch_items(response[match.end() + 1:]))

    def learn(self, number, items):
        if "UID" in items:
            uid = int(items["UID"])
            if self.uids[number - 1] not in (None, uid):
                raise Wrong(f"message {number} was UID {self.uids[number - 1]}, now {uid}")
            self.uids[number - 1] = uid
            known = [uid for uid in self.uids if uid]
            if known != sorted(set(known)):
                raise Wrong("UIDs do not ascend")
        if "FLAGS" in items and (uid := self.uids[number - 1]):
            self.flags[uid] = frozenset(flag.lower() for flag in items["FLAGS"] if flag != "\\Recent")
        if octets := items.get("BODY[]"):
            if octets.count(b"x") != int(re.match(rb"Len: (\d+)\r\n", octets).group(1)):
                raise Wrong("the bytes of a message changed")

    def run(self, text, *literals, shifts=True):
        condition, line, untagged = self.session.command(text, *literals)
        self.take(untagged, shifts)
        self.counts[text.split()[0]] = self.counts.get(text.split()[0], 0) + 1
        if condition != "OK" and b"EXPUNGEISSUED" not in line:
            raise Wrong(f"{text} -> {line!r}")

    def some(self):
        first = self.random.randint(1, len(self.uids))
        return first, min(len(self.uids), first + self.random.randint(0, 5))

    def store(self):
        (first, last), sign = self.some(), self.random.choice(["", "+", "-"])
        flags = self.random.choice(["\\Seen", "\\Deleted", "kw1 \\Draft", "\\Answered kw3"])
        silent = self.random.choice([True, False])
        if silent:
            change = frozenset(flags.lower().split())
            for uid in self.uids[first - 1:last]:
                if uid in self.flags:
                    old = self.flags[uid]
                    self.flags[uid] = old | change if sign == "+" else old - change if sign == "-" else change
        self.run(f"STORE {first}:{last} {sign}FLAGS{'.SILENT' if silent else ''} ({flags})", shifts=False)

    def append(self):
        size = self.random.choice([0, 10, 1000, 100_000])
        flags = self.random.choice(["", "\\Seen", "kw1", "\\Flagged kw2"])
        self.run(f"APPEND box ({flags}) {{}}", b"Len: %d\r\n\r\n" % size + b"x" * size)

    def idle(self):
        tag = self.session.idle()
        time.sleep(self.random.random() * 0.2)
        self.take(self.session.done(tag)[2])

    def reopen(self):
        self.session.ok("UNSELECT")
        self.select()

    def step(self):
        span = "%d:%d" % self.some() if self.uids else "*"
        action = self.random.choices(
            ["append", "store", "read", "envelope", "delete", "expunge", "copy", "move", "search", "reopen", "idle", "noop"],
            [25, 15, 15, 5, 10, 5, 5, 3, 5, 2, 3, 7])[0] if len(self.uids) > 3 else "append"
        {
            "append": self.append, "store": self.store, "idle": self.idle, "reopen": self.reopen,
            "read": lambda: self.run(f"FETCH {span} (UID FLAGS BODY.PEEK[])", shifts=False),
            "envelope": lambda: self.run(f"FETCH {span} (UID FLAGS ENVELOPE BODYSTRUCTURE RFC822.SIZE)", shifts=False),
            "delete": lambda: self.run(f"UID STORE {self.random.randint(1, 3000)} +FLAGS (\\Deleted)"),
            "expunge": lambda: self.run("EXPUNGE"),
            "copy": lambda: self.run(f"COPY {span} box"),
            "move": lambda: self.run(f"MOVE {span} other"),
            "search": lambda: self.run("SEARCH " + self.random.choice(["SEEN", "NOT KEYWORD kw1", "BODY xxx", "LARGER 500"]), shifts=False),
            "noop": lambda: self.run("NOOP"),
        }[action]()


@pytest.mark.usefixtures("nobody_else_reads_worse")
def test_random_sessions_agree_with_their_models(martlet, account):
    with Session(martlet, account) as setup:
        setup.ok("CREATE box")
        setup.ok("CREATE other")
    sessions = [Modelled(martlet, account, seed) for seed in range(SESSIONS)]
    errors, end = [], time.monotonic() + SECONDS

    def work(session):
        try:
            while time.monotonic() < end and not errors:
                session.step()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(session,)) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors[0]
    assert sum(sum(session.counts.values()) for session in sessions) > 100

    time.sleep(0.5)
    fresh = Modelled(martlet, account, 99)
    for session in sessions:
        session.run("NOOP")
        told = dict(session.flags)
        session.run("FETCH 1:* (UID FLAGS)", shifts=False)
        assert session.uids == fresh.uids and session.flags == fresh.flags
        # What a session believed without asking was right too.
        assert {uid: flags for uid, flags in told.items() if fresh.flags.get(uid) != flags} == {}
    items = fresh.session.fetch("FETCH 1:* (FLAGS RFC822.SIZE)")
    expected = (f'* STATUS "box" (MESSAGES {len(items)} UNSEEN {sum(chr(92) + "Seen" not in i["FLAGS"] for i in items.values())} '
                f'SIZE {sum(int(i["RFC822.SIZE"]) for i in items.values())})')
    assert fresh.session.ok("STATUS box (MESSAGES UNSEEN SIZE)") == [expected.encode()]
