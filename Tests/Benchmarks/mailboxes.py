"""IMAP on a large mailbox, one connection over TLS, beside Dovecot on the same mails.

Dovecot's Maildir is written as files, Martlet's mailbox is appended over eight connections. "first" is what the first client
sees; everything else is measured when the mailbox has been read before.
"""
import concurrent.futures, functools, itertools, os, subprocess, sys, time

from corpus import messages
from measure import *
from rawimap import Imap


@functools.lru_cache
def kinds(count):
    return [message for _, message in messages(count, seed=2)]


def mails(count):
    """10,000 of all kinds; of more than that, small ones, to bound the time."""
    if count <= 10_000:
        base = kinds(min(count, 1000))
        return (b"X-Copy: %d\r\n" % (n // 1000) + base[n % len(base)] for n in range(count))
    return (b"From: Anna Meyer <anna%d@example.com>\r\nTo: b@dest.test\r\nSubject: small message %d\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n"
            b"Message-ID: <%d@bench.test>\r\n\r\n" % (n % 500, n, n) + b"Some short text for a small message.\r\n" * (1 + n % 30) for n in range(count))


def fill_maildir(user, count):
    home = PEERS / "dovecot/mail" / user
    for name in ("cur", "new", "tmp"):
        os.makedirs(home / "Maildir" / name, exist_ok=True)
    for n, message in enumerate(mails(count)):
        (home / f"Maildir/cur/1700000000.M{n:06}.bench,S={len(message)},W={len(message)}:2,{'S' if n % 3 else ''}").write_bytes(message)
    subprocess.run(["chown", "-R", "vmail", str(home)], check=True)


def fill_appended(target, user, count, trust, connections=16):
    """Each connection its own mailbox, as commits to one come one after the other; then all are copied into the Inbox."""
    def work(n):
        client, mailbox = Imap(target, user, trust), f"Fill{n}"
        client.ask(f"CREATE {mailbox}")
        mine = list(itertools.islice(mails(count), n, None, connections))
        client.append(mailbox, mine[:len(mine) // 3])
        client.append(mailbox, mine[len(mine) // 3:], " (\\Seen)")
        client.close()

    kinds(min(count, 1000))
    with concurrent.futures.ThreadPoolExecutor(connections) as pool:
        list(pool.map(work, range(connections)))
    client = Imap(target, user, trust)
    for n in range(connections):
        client.ask(f"SELECT Fill{n}")
        client.ask("COPY 1:* INBOX")
        client.ask("CLOSE")
        client.ask(f"DELETE Fill{n}")
    client.close()


def fill(target, user, count, trust):
    begun = time.monotonic()
    if target.tls:
        accounts(user.rstrip("0123456789"), int(user[len(user.rstrip("0123456789")):]))
        fill_appended(target, user, count, trust)
    else:
        fill_maildir(user, count)
    client = Imap(target, user, trust)
    have = client.exists()
    client.close()
    if have < count * 0.99:
        sys.exit(f"{target.name}: {have} of {count} mails are in the mailbox")
    settle(target)
    print(f"   {target.name}: {have:,} mails in place after {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)


def operations(count):
    """(title, what brings the connection into place, what is timed, how many or None for milliseconds)"""
    bodies, some = min(count, 10_000), min(count // 2, 5000)
    one_at_a_time = min(count, 500)

    def nothing(client):
        pass

    def select(client):
        client.ask("SELECT INBOX")

    def ask(command):
        return lambda client: client.ask(command)

    def each(command, number):
        return lambda client: [client.ask(command % n) for n in range(1, number + 1)]

    def fresh(name):
        def prepare(client):
            select(client)
            try:
                client.ask(f"DELETE {name}")
            except AssertionError:
                pass
            client.ask(f"CREATE {name}")
        return prepare

    def marked(client):
        fresh("Copied")(client)
        client.ask(f"COPY 1:{some} Copied")
        client.ask("SELECT Copied")
        client.ask("STORE 1:* +FLAGS.SILENT (\\Deleted)")

    def unflagged(client):
        select(client)
        client.ask("STORE 1:* -FLAGS.SILENT (\\Flagged)")

    short = [message for _, message in messages(200, seed=3) if len(message) < 12_000]
    batch = [short[n % len(short)] for n in range(one_at_a_time)]
    fields = "BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE MESSAGE-ID REFERENCES)]"
    yield "SELECT", nothing, ask("SELECT INBOX"), None
    yield "FETCH 1:* (UID FLAGS)", select, ask("FETCH 1:* (UID FLAGS)"), None
    yield "FETCH 1:* (ENVELOPE FLAGS BODYSTRUCTURE)", select, ask("FETCH 1:* (ENVELOPE FLAGS BODYSTRUCTURE)"), None
    yield "FETCH 1:* six header fields", select, ask(f"FETCH 1:* (UID FLAGS RFC822.SIZE INTERNALDATE {fields})"), None
    yield f"FETCH 1:{bodies} BODY.PEEK[]", select, ask(f"FETCH 1:{bodies} BODY.PEEK[]"), None
    yield "FETCH n BODY.PEEK[] one at a time", select, each("FETCH %d BODY.PEEK[]", one_at_a_time), one_at_a_time
    yield "SEARCH UNSEEN", select, ask("SEARCH UNSEEN"), None
    yield "SEARCH SUBJECT", select, ask('SEARCH SUBJECT "lottery"'), None
    yield "SEARCH HEADER Message-ID", select, ask('SEARCH HEADER Message-ID "<77."'), None
    yield "SEARCH BODY", select, ask('SEARCH BODY "nosuchwordanywhere"'), None
    yield "SEARCH TEXT", select, ask('SEARCH TEXT "confidential"'), None
    yield "STORE 1:* +FLAGS.SILENT", unflagged, ask("STORE 1:* +FLAGS.SILENT (\\Flagged)"), None
    yield "STORE n +FLAGS.SILENT one at a time", unflagged, each("STORE %d +FLAGS.SILENT (\\Flagged)", one_at_a_time), one_at_a_time
    yield f"COPY 1:{some}", fresh("Copied"), ask(f"COPY 1:{some} Copied"), None
    yield f"EXPUNGE of {some}", marked, ask("EXPUNGE"), None
    yield "APPEND one at a time", fresh("Appended"), lambda client: client.append("Appended", batch, ahead=1), one_at_a_time
    yield "APPEND, 50 sent ahead", fresh("Appended"), lambda client: client.append("Appended", batch), one_at_a_time


def timed(target, user, trust, prepare, operation, number):
    client = Imap(target, user, trust)
    prepare(client)
    begun = time.monotonic()
    operation(client)
    seconds = time.monotonic() - begun
    client.close()
    return number / seconds if number else seconds * 1000


def mailboxes(targets, trust):
    for index, count in enumerate([options.mails] + ([100_000] if options.large else []), 1):
        user = f"box{index}"
        for target in targets:
            fill(target, user, count, trust)
        steps = list(operations(count))
        select, first = steps[0][2], steps[2]
        show(f"{count:,} mails: {first[0]}, first", "ms", {t.name: [timed(t, user, trust, select, first[2], None)] for t in targets})
        for title, prepare, operation, number in steps:
            rows = {t.name: [] for t in targets}
            for _ in range(options.runs):
                for target in targets:
                    rows[target.name].append(timed(target, user, trust, prepare, operation, number))
            show(f"{count:,} mails: {title}", "per s" if number else "ms", rows)
