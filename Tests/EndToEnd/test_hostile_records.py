"""Whatever is refused leaves one record in the log: whose it was, why, and nothing of what was said.

Each case comes from a client address of its own, by which its record is found."""
import base64, itertools, socket, ssl, time, uuid
import pytest
from concurrent.futures import ThreadPoolExecutor
from conftest import DAEMONS

_addresses = itertools.count(1)
HTTP = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CANARY = "canary" + uuid.uuid4().hex
PLAIN = base64.b64encode(f"\0{CANARY}@example.test\0{CANARY}".encode())


@pytest.fixture
def source():
    return f"127.0.5.{next(_addresses)}"


def connect(martlet, port, source):
    client = socket.create_connection(("127.0.0.1", martlet.ports[port]), 15, (source, 0))
    if port in ("submissions", "imaps", "pop3s"):
        client = martlet.tls.wrap_socket(client, server_hostname="localhost")
    return client


def converse(client, greeting, data):
    """Sends all at once behind the greeting, hangs up after the last answer."""
    if greeting:
        client.recv(1000)
    try:
        client.sendall(data)
        client.settimeout(0.5)
        while client.recv(65536):
            pass
    except (OSError, ssl.SSLError):
        pass  # closed over us, or it waits for more
    client.close()


CASES = [
    # port, what is sent, what the record says
    ("smtp", HTTP, "http"),
    ("smtp", b"NOOP\r\n" * 150, "junk"),
    ("smtp", (b"A" * 20_000 + b"\r\n") * 3, "long_lines"),
    ("smtp", b"EHLO x\r\nBDAT 5 LAST\r\nabcde", "bdat"),
    ("smtp", b"EHLO x\r\nSTARTTLS\r\nMAIL FROM:<a@b.test>\r\n", "plaintext_injection"),
    ("smtp", b"EHLO x\r\nSTARTTLS\r\n", "tls_failed"),
    ("smtp", b"EHLO x\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<u@remote.test>\r\nQUIT\r\n", "relay_denied"),
    ("smtp", b"EHLO x\r\nMAIL FROM:<a@b.test>\r\n" + b"RCPT TO:<no-such-user@example.test>\r\n" * 10, "bad_recipients"),
    ("smtp", b"EHLO x\r\nMAIL FROM:<a@b.test> SIZE=99999999999\r\nQUIT\r\n", "too_large"),
    ("smtp", b"EHLO x\r\nMAIL FROM:<\0>\r\nQUIT\r\n", "syntax"),
    ("submission", b"EHLO x\r\nAUTH PLAIN " + PLAIN + b"\r\nQUIT\r\n", "tls_required"),
    ("submissions", b"EHLO x\r\nAUTH PLAIN " + PLAIN + b"\r\nQUIT\r\n", "authentication_failed"),
    ("submissions", b"EHLO x\r\n" + (b"AUTH PLAIN " + PLAIN + b"\r\n") * 3, "guessing"),
    ("imap", HTTP, "lost_framing"),
    ("imap", b"\x80\x81\r\n" * 25, "junk"),
    ("imap", b"a " + b"(" * 70_000, "lost_framing"),
    ("imap", b"a STARTTLS\r\nb NOOP\r\n", "plaintext_injection"),
    ("imap", b"a STARTTLS\r\n", "tls_failed"),
    ("imap", f"a LOGIN {CANARY} {CANARY}\r\nb LOGOUT\r\n".encode(), "tls_required"),
    ("imaps", b"a SELECT INBOX\r\nb LOGOUT\r\n", "sequence"),
    ("imaps", f"a LOGIN {CANARY} {CANARY}\r\nb LOGOUT\r\n".encode(), "authentication_failed"),
    ("imaps", f"a LOGIN {CANARY} {CANARY}\r\n".encode() * 3, "guessing"),
    ("imaps", f"a LOGIN {{2147483647}}\r\nb LOGOUT\r\n".encode(), "syntax"),
    ("pop3", HTTP, "http"),
    ("pop3", (b"A" * 20_000 + b"\r\n") * 3, "long_lines"),
    ("pop3", b"STLS\r\nCAPA\r\n", "plaintext_injection"),
    ("pop3", b"STLS\r\n", "tls_failed"),
    ("pop3", f"USER {CANARY}\r\nQUIT\r\n".encode(), "tls_required"),
    ("pop3s", f"USER {CANARY}\r\nPASS {CANARY}\r\nQUIT\r\n".encode(), "authentication_failed"),
    ("pop3s", b"RETR 1\r\nQUIT\r\n", "sequence"),
]


def test_a_refusal_is_one_record_with_its_reason(martlet, unharmed):
    """All cases, eight at a time, each from its own address."""
    cases = [(f"127.0.5.{next(_addresses)}", *case) for case in CASES]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda case: converse(connect(martlet, case[1], case[0]), True, case[2]), cases))
    wrong = []
    for source, port, said, reason in cases:
        daemon = "smtpd" if port.startswith("s") else "accessd"
        unharmed.wait_record(daemon, peer=source)
        [record] = unharmed.records(daemon, peer=source)
        if reason not in (record["reason"], record["refusal"]) or record["msg"] != "session ended" or not record["session.id"]:
            wrong.append((port, said[:60], reason, record))
    assert not wrong, wrong
    for daemon in DAEMONS:
        assert CANARY not in unharmed.log(daemon) and PLAIN.decode()[:40] not in unharmed.log(daemon)


@pytest.mark.parametrize("port, first", [("smtp", HTTP), ("pop3", HTTP)])
def test_who_does_not_wait_for_the_greeting_is_recorded(martlet, unharmed, source, port, first):
    client = socket.socket()
    client.bind((source, 0))
    client.connect(("127.0.0.1", martlet.ports[port]))
    client.sendall(first)
    client.settimeout(10)
    assert b"250" not in client.recv(1000)
    client.close()
    [record] = unharmed.wait_record("smtpd" if port == "smtp" else "accessd", peer=source)
    assert record["reason"] in ("early_talker", "http")


@pytest.mark.parametrize("port, daemon", [("submissions", "smtpd"), ("imaps", "accessd"), ("pop3s", "accessd")])
def test_a_failed_handshake_is_recorded(martlet, unharmed, source, port, daemon):
    time.sleep(1.1)  # one record a second
    with socket.create_connection(("127.0.0.1", martlet.ports[port]), 15, (source, 0)) as client:
        client.sendall(HTTP)
        client.settimeout(15)
        try:
            answer = client.recv(1000)
        except ConnectionError:
            answer = b""
        assert b"HTTP/1" not in answer and not answer[:3].isdigit()
    [record] = unharmed.wait_record(daemon, peer=source)
    assert record["reason"] == "tls_failed" and record["session.listener"] == port and record["count"]


def test_a_flood_of_bad_handshakes_is_not_a_flood_of_records(martlet, unharmed, source):
    time.sleep(1.1)  # one record a second
    for _ in range(100):
        with socket.create_connection(("127.0.0.1", martlet.ports["imaps"]), 15, (source, 0)) as client:
            client.sendall(HTTP)
    unharmed.wait_record("accessd", reason="tls_failed")
    time.sleep(1)
    assert len(unharmed.records("accessd", reason="tls_failed")) < 30


@pytest.mark.parametrize("request_text, reason", [
    ("GET /api/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {canary}\r\n\r\n", "not_logged_in"),
    ("POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{login}", "wrong_credentials"),
    ("POST /api/v1/login HTTP/1.1\r\nHost: x\r\nOrigin: https://evil.test\r\nContent-Length: 0\r\n\r\n", "cross_site"),
    ("POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n{{}}", "not_json"),
    ("GET /api/v1/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", "not_found"),
    ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde", "too_large"),
], ids=["token", "password", "cross-site", "form", "path", "body"])
def test_a_refused_request_is_recorded(martlet, unharmed, source, request_text, reason):
    time.sleep(1.1)  # one record of a kind a second
    login = f'{{"user":"{CANARY}","password":"{CANARY}"}}'
    text = request_text.format(canary=CANARY, login=login, length=len(login))
    with socket.create_connection(("127.0.0.1", martlet.ports["http"]), 15, (source, 0)) as client:
        client.sendall(text.encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 4")
    [record] = unharmed.wait_record("watchd", peer=source)
    assert record["reason"] == reason and record["msg"] == "requests refused"
    assert CANARY not in unharmed.log("watchd")
