"""Hostile POP3 input: an answer, bounded memory, nothing deleted without QUIT, and the session goes on."""
import base64, poplib, socket, ssl, time, uuid
import pytest
from imap_client import elapsed
from pop3_client import Pop3
from test_pop3 import fill, inbox


pytestmark = [pytest.mark.usefixtures("nobody_else_reads_worse"), pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")]


@pytest.fixture
def client(martlet, account):
    fill(martlet, account, 2)
    with Pop3(martlet, account) as client:
        yield client


@pytest.mark.parametrize("line", [
    "RETR 0", "RETR 3", "RETR -1", "RETR 99999999999999999999", "RETR 4294967297", "RETR 1 2", "RETR", "RETR x", "TOP 1 -1",
    "TOP 1 4294967296", "TOP 1", "TOP 0 0", "DELE 0", "DELE 3", "LIST 3", "UIDL 0", "STAT 1", "", " ", "XYZZY", "APOP a b", "LAST",
    "RETR 1\0", "RETR 1\n", "\0" * 100, "RETR \u0661", "STLS", "USER x", "AUTH PLAIN", "%n%n%s", "RETR 1; DROP TABLE mail"])
def test_odd_commands_are_refused_and_the_session_goes_on(martlet, account, client, line):
    client.error(line)
    assert client.stat()[0] == 2
    client.ok("QUIT")
    assert len(inbox(martlet, account)) == 2


def test_a_message_is_marked_once_and_nothing_goes_without_quit(martlet, account, client):
    client.ok("DELE 1")
    client.error("DELE 1")
    client.error("RETR 1")
    client.close()
    assert len(inbox(martlet, account)) == 2


def test_raw_bytes_are_no_command(martlet, client):
    for line in (b"\x80\x81", b"\xff" * 200, b"RETR \xb9", b"STAT\nDELE 1", b"STAT\rDELE 1"):
        client.error(line)
    assert client.stat()[0] == 2


def test_long_lines_are_answered_once_and_end_the_session_at_the_third(martlet, client):
    client.error("NOOP " + "A" * 600)
    client.error("A" * 20_000)
    assert client.stat()[0] == 2
    assert client.error("PASS " + "A" * 20_000) == "-ERR Line too long"
    assert client.rest() == b""


def test_ten_megabytes_without_an_end_are_cut_off_in_bounded_memory(martlet):
    before = martlet.rss("accessd")
    clients = [Pop3(martlet, port="pop3") for _ in range(8)]
    for client in clients:
        client.socket.settimeout(5)
        try:
            client.send(b"A" * 10_000_000)
            client.send(b"\r\n" * 3)
        except OSError:
            pass  # closed while we sent
    assert martlet.rss("accessd") - before < 16
    for client in clients:
        client.close()
    with Pop3(martlet, port="pop3") as client:
        client.ok("CAPA")


def test_a_pipeline_that_is_never_read_holds_little(martlet, account):
    fill(martlet, account, 20, size=50_000)
    before = martlet.rss("accessd")
    with Pop3(martlet, account, timeout=3) as client:
        try:
            for _ in range(50):
                client.send("".join(f"RETR {n}\r\n" for n in range(1, 21)))
        except OSError:
            pass  # it takes no more of them
        time.sleep(1)
        assert martlet.rss("accessd") - before < 16


def test_commands_behind_stls_are_never_run(martlet, account):
    with Pop3(martlet, port="pop3") as client:
        client.send(f"STLS\r\nUSER {account.address}\r\nPASS {account.password}\r\nSTAT\r\n")
        assert client.rest() == b""


def test_stls_forgets_and_is_taken_once(martlet, account):
    with Pop3(martlet, port="pop3") as client:
        client.error("STLS now")
        client.error(f"USER {account.address}")
        client.stls(martlet)
        client.error(f"PASS {account.password}")
        client.error("STLS")
        client.ok(f"USER {account.address}")
        client.ok(f"PASS {account.password}")
        client.error("STLS")


def test_no_credentials_in_clear_text_whatever_they_are(martlet, account):
    plain = base64.b64encode(f"\0{account.address}\0{account.password}".encode()).decode()
    with Pop3(martlet, port="pop3") as client:
        lines = client.many("CAPA")
        assert b"STLS\r\n" in lines and not any(line.startswith((b"USER", b"SASL")) for line in lines)
        answers = {client.error(line) for line in (f"USER {account.address}", "USER nobody@example.test", f"PASS {account.password}",
                                                   "PASS x", f"AUTH PLAIN {plain}", "AUTH PLAIN", "AUTH PLAIN AAAA")}
    assert len(answers) == 1


def test_wrong_passwords_and_unknown_users_are_answered_alike(martlet, account):
    with Pop3(martlet) as client:
        answers = []
        for name in (account.address, f"nobody-{account.address}", "x'/**/UNION/**/SELECT"):
            client.ok(f"USER {name}")
            answers.append(client.error("PASS wrong"))
        assert len(set(answers)) == 1 and answers[0].startswith("-ERR [AUTH] ")
        assert client.rest() == b""


@pytest.mark.parametrize("response", ["=", "A" * 11_000, base64.b64encode(b"\0\0").decode(), base64.b64encode(b"a\0b\0c\0d").decode(), "*", "\xff"])
def test_odd_auth_responses(martlet, account, response):
    with Pop3(martlet) as client:
        assert client.command("AUTH PLAIN") == "+ "
        client.error(response.encode("latin-1"))
        client.error("AUTH PLAIN " + ("=" if response == "*" else response))
        plain = base64.b64encode(f"\0{account.address}\0{account.password}".encode()).decode()
        client.ok(f"AUTH PLAIN {plain}")


@pytest.mark.parametrize("start", [b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"])
def test_browsers_are_not_talked_to(martlet, start):
    with Pop3(martlet, port="pop3") as client:
        client.send(start + b"CAPA\r\n")
        assert b"+OK" not in client.rest()


def test_the_password_is_in_no_log(martlet, account):
    canary = f"canary{uuid.uuid4().hex}"
    with Pop3(martlet) as client:
        client.ok(f"USER {account.address}")
        client.error(f"PASS {canary}")
        client.error("AUTH PLAIN " + base64.b64encode(f"\0{canary}\0{canary}".encode()).decode())
        client.error(canary)
    log = martlet.log("accessd")
    # In clear text, and in base64 at each of its three alignments.
    hidden = [base64.b64encode(canary.encode()[skipped:])[:24].decode() for skipped in range(3)]
    assert not any(text in log for text in [canary, *hidden])


def test_old_protocol_versions_are_refused(martlet):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with socket.create_connection(("127.0.0.1", martlet.ports["pop3s"]), timeout=10) as raw:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(raw)


def test_a_dot_line_of_a_message_with_bare_line_feeds_ends_no_answer(martlet, account):
    """Only APPEND lets bare line feeds in. A reader that ends lines there must not meet a lone dot."""
    body = b"Subject: odd\r\n\r\none\n.\ntwo\n.\r\nthree\r\n"
    imap = martlet.imap(account)
    assert imap.append("INBOX", None, None, body)[0] == "OK"
    imap.logout()
    client = poplib.POP3_SSL("localhost", martlet.ports["pop3s"], context=martlet.tls, timeout=20)
    client.user(account.address)
    client.pass_(account.password)
    assert client.retr(1)[1] == [b"Subject: odd", b"", b"one", b".", b"two", b".", b"three"]
    assert client.stat()[0] == 1
    client.quit()


def test_logins_that_break_off_keep_nobody_out(martlet, account):
    for _ in range(200):
        client = Pop3(martlet, port="pop3")
        client.send("STLS\r\nAUTH")
        client.close()
    with Pop3(martlet) as client:
        client.ok(f"USER {account.address}")
        assert elapsed(lambda: client.ok(f"PASS {account.password}")) < 2


def test_memory_does_not_grow_with_repeats(martlet, account):
    def round():
        for _ in range(10):
            with Pop3(martlet) as client:
                client.send(b"USER " + b"A" * 20_000 + b"\r\nAUTH PLAIN =\r\n\x80\x81\r\n" + (b"A" * 20_000 + b"\r\n") * 2)  # the third ends the session
                try:
                    client.rest()
                except OSError:
                    pass  # closed while we sent
            with Pop3(martlet, account) as client:
                client.error("RETR 99999999999999999999")
                client.ok("QUIT")

    def settled():
        time.sleep(4)  # for two seconds the TLS library keeps a connection whose goodbye nobody answered
        return martlet.rss("accessd")

    for _ in range(20):
        round()
    before = settled()
    for _ in range(10):
        round()
    assert settled() < before * 1.05 + 2
