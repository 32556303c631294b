"""Eight mails of 50 MB at once through SMTP, APPEND and FETCH: byte for byte, in bounded memory."""
import hashlib, os, threading, time, uuid
from concurrent.futures import ThreadPoolExecutor
import pytest
from conftest import message

SIZE = 50 * 1000 * 1000


def large(subject):
    line = os.urandom(36).hex().encode() + b"\r\n"
    return message(subject, "") + line * ((SIZE - 500) // len(line))


def peak(martlet, stop, result):
    while not stop.is_set():
        for daemon in ("smtpd", "classifyd", "filerd", "accessd"):
            try:
                result[daemon] = max(result.get(daemon, 0), martlet.rss(daemon))
            except (FileNotFoundError, AttributeError):
                pass
        for pid, in martlet.sql("SELECT pid FROM pg_stat_activity WHERE usename LIKE 'martlet_%'"):
            try:
                with open(f"/proc/{pid}/smaps_rollup") as file:
                    private = sum(int(l.split()[1]) for l in file if l.startswith(("Private_Clean", "Private_Dirty"))) / 1024
                result["postgres"] = max(result.get("postgres", 0), private)
            except FileNotFoundError:
                pass
        time.sleep(0.2)


@pytest.fixture(scope="module", autouse=True)
def fresh(martlet):
    martlet.restart("accessd", "imap")  # what other tests made of its heap is not measured here


def test_eight_large_mails_at_once(martlet, account):
    stop, memory = threading.Event(), {}
    watcher = threading.Thread(target=peak, args=(martlet, stop, memory))
    watcher.start()
    try:
        mails = {uuid.uuid4().hex: None for _ in range(8)}

        def smtp_in(subject):
            body = large(subject)
            martlet.send(account.address, body)
            return subject, hashlib.sha256(body).hexdigest(), len(body)

        with ThreadPoolExecutor(8) as pool:
            sent = {subject: (digest, size) for subject, digest, size in pool.map(smtp_in, mails)}
        for subject in sent:
            wait_for_subject(martlet, account, subject)

        def fetch_and_append(subject):
            client = martlet.imap(account, timeout=120)
            client.select("INBOX", readonly=True)
            number = client.search(None, "SUBJECT", subject)[1][0].split()[0]
            body = client.fetch(number, "(BODY.PEEK[])")[1][0][1]
            digest, size = sent[subject]
            assert hashlib.sha256(body[-size:]).hexdigest() == digest, "SMTP to FETCH changed bytes"
            kind, _ = client.append("Archive", None, None, body)
            assert kind == "OK"
            client.select("Archive", readonly=True)
            number = client.search(None, "SUBJECT", subject)[1][0].split()[0]
            again = client.fetch(number, "(BODY.PEEK[])")[1][0][1]
            assert hashlib.sha256(again).digest() == hashlib.sha256(body).digest(), "APPEND to FETCH changed bytes"
            client.logout()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(fetch_and_append, sent))
    finally:
        stop.set()
        watcher.join()
    limits = {"smtpd": 100, "classifyd": 100, "filerd": 100, "accessd": 100, "postgres": 64}
    over = {name: round(mib) for name, mib in memory.items() if mib > limits[name]}
    assert not over, f"MiB: {memory}"


def wait_for_subject(martlet, account, subject):
    deadline = time.monotonic() + 60
    client = martlet.imap(account, timeout=120)
    try:
        while True:
            client.select("INBOX", readonly=True)
            if client.search(None, "SUBJECT", subject)[1][0]:
                return
            assert time.monotonic() < deadline, "a large mail did not arrive"
            time.sleep(0.3)
    finally:
        client.logout()
