"""SMTP against clients that mean harm or know no better. Every test comes from a client address of its own, so that limits per address never reach the next one."""
import base64, itertools, os, re, select, shutil, socket, ssl, statistics, subprocess, threading, time, uuid
import pytest
from conftest import Account, Unharmed, message

_addresses = itertools.count(10)


class Peer:
    """A client that sends exactly the bytes it is told to."""

    def __init__(self, martlet, port="smtp", source=None, greeting=True, timeout=15):
        self.martlet, self.name = martlet, port
        self.socket = socket.create_connection(("127.0.0.1", martlet.ports[port]), timeout, (source or "127.0.0.1", 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.greeting = self.reply() if greeting else None

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        return self

    def line(self):
        """One line, or b"" when the connection is over."""
        while b"\r\n" not in self.buffer:
            try:
                piece = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLError):
                piece = b""
            if not piece:
                rest, self.buffer = self.buffer, b""
                return rest
            self.buffer += piece
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def reply(self):
        """One reply of any number of lines as text, "" when the connection is over."""
        lines = []
        while True:
            line = self.line()
            lines.append(line.decode("latin-1"))
            if len(line) < 4 or line[3:4] != b"-":
                return "\n".join(lines)

    def say(self, line):
        return self.send(line.encode("latin-1") + b"\r\n").reply()

    def rest(self):
        """Everything until the connection ends."""
        data = self.buffer
        while True:
            try:
                piece = self.socket.recv(65536)
            except ConnectionError:
                return data
            if not piece:
                return data
            data += piece

    def start_tls(self):
        assert self.say("STARTTLS").startswith("220 ")
        return self.wrap()

    def wrap(self):
        self.socket = self.martlet.tls.wrap_socket(self.socket, server_hostname="localhost")
        return self

    def envelope(self, to, sender="m@evil.test"):
        assert self.say("EHLO c.test").startswith("250")
        assert self.say(f"MAIL FROM:<{sender}>").startswith("250")
        assert self.say(f"RCPT TO:<{to}>").startswith("250")
        return self

    def data(self, to, body):
        """A whole mail; `body` includes its end."""
        self.envelope(to)
        assert self.say("DATA").startswith("354")
        return self.send(body).reply()

    def close(self):
        self.socket.close()


@pytest.fixture
def source():
    return f"127.0.1.{next(_addresses)}"


@pytest.fixture
def peer(martlet, source):
    opened = []

    def connect(port="smtp", **options):
        opened.append(Peer(martlet, port, options.pop("source", source), **options))
        return opened[-1]

    yield connect
    for one in opened:
        one.close()


@pytest.fixture(autouse=True)
def nobody_else_notices(martlet):
    """Whatever a client did: no restart, no password in a log, and a new connection works."""
    outcome = Unharmed(martlet)
    yield
    outcome.check()
    with martlet.smtp() as client:
        assert client.noop()[0] == 250


def token():
    return "t" + uuid.uuid4().hex[:12]


def auth(name, password):
    return base64.b64encode(b"\0" + name.encode() + b"\0" + password.encode()).decode()


# ---------------------------------------------------------------- framing


@pytest.mark.parametrize("end", ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r", "\r.\r\n", "\n\n.\r\n"])
def test_smuggled_ends_never_make_a_second_mail(martlet, peer, account, end):
    smug = token()
    client = peer()
    reply = client.data(account.address, f"Subject: x\r\n\r\nx{end}MAIL FROM:<m@evil.test>\r\nRCPT TO:<{account.address}>\r\nDATA\r\n"
                        f"Subject: {smug}\r\n\r\ny\r\n.\r\n")
    assert reply.startswith("550 5.5.2"), reply
    assert client.say("NOOP").startswith("250")
    time.sleep(0.5)
    assert martlet.find(account, smug) == []


def test_an_end_in_single_bytes_and_at_buffer_edges_is_one_mail(martlet, peer, account):
    subject, client = token(), peer()
    client.envelope(account.address)
    assert client.say("DATA").startswith("354")
    client.send(f"Subject: {subject}-slow\r\n\r\nbody")
    for byte in b"\r\n.\r\n":
        time.sleep(0.05)
        client.send(bytes([byte]))
    assert client.reply().startswith("250 2.0.0")
    for edge in (4096, 16384, 65536):
        for offset in range(-4, 5):
            head = f"Subject: {subject}-{edge}{offset:+d}\r\n\r\n"
            body = head + "x" * (edge + offset - len(head) - 5) + "\r\n.\r\n"
            assert client.data(account.address, body).startswith("250 2.0.0"), (edge, offset)
    assert client.say("QUIT").startswith("221")
    martlet.wait_mail(account, f"{subject}-slow", mailbox=None)
    martlet.wait_mail(account, f"{subject}-65536+4", mailbox=None)


def test_dots_at_every_edge_arrive_byte_for_byte_over_tls(martlet, peer, account):
    """Ends of lines, lone dots and the end itself, cut at each place by writes, TLS records and buffers."""
    client, subject = peer(), token()
    client.say("EHLO c.test")
    client.start_tls()
    sent = {}
    for number, edge in enumerate((16384, 65536)):
        for offset in range(-4, 5, 2):
            name = f"{subject}-{number}-{offset + 4}-"
            head = f"Subject: {name}\r\n\r\n"
            body = head + "x" * (edge + offset - len(head)) + "\r\n.\r\n..\r\n.\t\r\n...x\r\n\r\n"
            wire = re.sub(r"(^|\r\n)(?=\.)", r"\1.", body).encode() + b".\r\n"
            client.envelope(account.address)
            assert client.say("DATA").startswith("354")
            cut = edge + offset
            client.send(wire[:cut])
            for at in range(cut, len(wire)):
                client.send(wire[at:at + 1])
            assert client.reply().startswith("250 2.0.0"), (edge, offset)
            sent[name] = body.encode()
    assert client.say("NOOP").startswith("250")
    for name, body in sent.items():
        assert martlet.wait_mail(account, name, mailbox=None).endswith(body), name


def test_what_a_user_submits_hides_no_second_mail(martlet, peer, account):
    """A bare line end never gets in, so that none can go out."""
    for end in ("\n.\n", "\r.\r", "\n.\r\n"):
        client = peer("submissions", greeting=False).wrap()
        client.reply()
        client.say("EHLO c.test")
        assert client.say("AUTH PLAIN " + auth(account.address, account.password)).startswith("235")
        assert client.say(f"MAIL FROM:<{account.address}>").startswith("250")
        assert client.say("RCPT TO:<u@remote.test>").startswith("250")
        assert client.say("DATA").startswith("354")
        smug = f"Subject: x\r\n\r\na{end}MAIL FROM:<{account.address}>\r\nRCPT TO:<v@remote.test>\r\nDATA\r\nSubject: smug\r\n\r\ny\r\n.\r\n"
        assert client.send(smug).reply().startswith("550 5.5.2")


@pytest.mark.parametrize("body", [
    "Subject: {s}\r\n\r\n..\r\n...\r\n....x\r\n..\t\r\n.x\r\n",
    "Subject: {s}\r\n",
    "Subject: {s}\r\n\r\n",
    "Subject: {s}\r\nX: " + "h" * 990 + "\r\n\r\n" + "l" * 998 + "\r\n",
    "Subject: {s}\r\n\r\n\x00\x1a\xff\xfe8bit \xe4\xf6\xfc\r\n",
], ids=["dots", "header-only", "empty", "long-lines", "bytes"])
def test_odd_bodies_arrive_byte_for_byte(martlet, peer, account, body):
    subject = token()
    wire = body.format(s=subject).encode("latin-1")
    assert peer().data(account.address, wire + b".\r\n").startswith("250")
    expected = re.sub(rb"(^|\r\n)\.", rb"\1", wire)
    assert martlet.wait_mail(account, subject, mailbox=None).endswith(expected)


@pytest.mark.parametrize("body", [".\r\n", "\r\n.\r\n", "From x Sat Nov 21\r\n\r\nx\r\n.\r\n", " folded start\r\n\r\n.\r\n"])
def test_almost_empty_mails_are_answered(peer, account, body):
    assert peer().data(account.address, body)[:1] in ("2", "5")


@pytest.mark.parametrize("line", ["BDAT 60 LAST", "BDAT -1", "BDAT 18446744073709551616 LAST", "BDAT", "bdat 5 lastx"])
def test_bdat_is_not_offered_and_ends_the_session(martlet, peer, account, line):
    client, smug = peer(), token()
    client.envelope(account.address)
    client.send(f"{line}\r\nSubject: {smug}\r\nRSET\r\nMAIL FROM:<x@y.test>\r\n")
    assert client.reply().startswith("502")
    assert client.rest() == b"", "something was executed"


# ---------------------------------------------------------------- TLS


def test_commands_injected_before_tls_are_never_answered(martlet, peer):
    for port in ("smtp", "submission"):
        client = peer(port)
        client.say("EHLO c.test")
        client.send("STARTTLS\r\nMAIL FROM:<m@evil.test>\r\n")
        assert client.reply() in ("", "220 2.0.0 Ready to start TLS")
        try:
            client.wrap()
        except (ssl.SSLError, ConnectionError, OSError):
            continue
        assert client.rest() == b""


def test_tls_forgets_what_was_said_before(peer, account):
    client = peer()
    assert client.say("STARTTLS x").startswith("501")
    client.say("EHLO c.test")
    assert client.say("MAIL FROM:<m@evil.test>").startswith("250")
    assert client.say("STARTTLS").startswith("503")
    assert client.say("RSET").startswith("250")
    client.start_tls()
    assert client.say(f"RCPT TO:<{account.address}>").startswith("503")
    features = client.say("EHLO c.test")
    assert "STARTTLS" not in features and "PIPELINING" in features
    assert client.say("STARTTLS").startswith("503")
    assert client.data(account.address, "Subject: x\r\n\r\nx\r\n.\r\n").startswith("250")


@pytest.mark.parametrize("junk", [b"QUIT\r\n", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16"])
def test_no_clear_text_after_220(martlet, source, junk):
    peers = [Peer(martlet, source=source) for _ in range(20)]
    for client in peers:
        client.say("EHLO c.test")
        assert client.say("STARTTLS").startswith("220")
        client.send(junk)
    begun = time.monotonic()
    for client in peers:
        client.socket.settimeout(15)
        answer = client.rest()
        assert not re.match(rb"\d\d\d[ -]", answer), answer
    assert time.monotonic() - begun < 13
    fresh = Peer(martlet, source=source)
    assert fresh.greeting.startswith("220")


def test_old_tls_and_weak_suites_are_refused(martlet):
    import subprocess
    for port, start in (("smtp", ["-starttls", "smtp"]), ("submission", ["-starttls", "smtp"]), ("submissions", [])):
        for option in (["-tls1"], ["-tls1_1"], ["-tls1_2", "-cipher", "ECDHE+SHA:RSA+AES:@SECLEVEL=0"]):
            run = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{martlet.ports[port]}", *start, *option],
                                 input="", capture_output=True, text=True, timeout=15)
            assert "Cipher is (NONE)" in run.stdout or run.returncode != 0, (port, option, run.stdout)
        for option in ("-tls1_2", "-tls1_3"):
            run = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{martlet.ports[port]}", *start, option],
                                 input="", capture_output=True, text=True, timeout=15)
            assert re.search(r"Cipher is (ECDHE-.*(GCM|POLY1305)|TLS_)", run.stdout), (port, option, run.stdout)


# ---------------------------------------------------------------- commands


def test_long_lines(martlet, peer):
    client = peer()
    assert client.say("NOOP " + "A" * 600).startswith("500")
    assert client.say("NOOP").startswith("250")
    assert client.say("NOOP " + "A" * 10_000).startswith("500")
    assert client.say("NOOP").startswith("250")
    before = martlet.rss("smtpd")
    client.socket.settimeout(30)
    try:
        client.send(b"NOOP " + b"A" * 10_000_000)
    except (ConnectionError, socket.timeout):
        pass  # closed on the third
    assert client.reply()[:3] in ("500", "")
    assert client.rest() == b""
    assert martlet.rss("smtpd") - before < 8


def test_an_endless_line_gets_one_500_and_its_tail_is_not_parsed(peer):
    client = peer()
    client.send(b"A" * 200_000 + b"MAIL FROM:<x@y.test>" + b"B" * 100_000 + b"\r\nNOOP\r\n")
    assert client.reply().startswith("500")
    assert client.reply().startswith("250")


@pytest.mark.parametrize("line", [
    b"MAIL FROM:<a\0@evil.test>", b"\x80\x81", b"\0\0\0\0", b"MAIL FROM:<a@b>\nRCPT TO:<bob@local.test>", b"MAIL FROM:<a@b>\rRSET",
    b"EHLO x\ny", b"\x1b[2J",
])
def test_bytes_that_are_no_text(peer, line):
    client = peer()
    client.say("EHLO c.test")
    assert client.send(line + b"\r\n").reply().startswith("501")
    assert client.say("NOOP").startswith("250")


@pytest.mark.parametrize("path", [
    '<""@{d}>', "<@>", "<<a@b>>", "<a@b", '<"a\\"@b>', "<" + "a" * 65 + "@{d}>", "<a@" + "d" * 256 + ">", "<" + "(" * 900,
    "<jos\xc3\xa9@{d}>", "<a\xc0\xae@{d}>", "<\xed\xa0\x80@{d}>", "<a@{d}\xe2\x82", "{d}", "", "<a b@{d}>", "<a@{d}> a@{d}",
], ids=range(16))
def test_what_is_not_an_address(martlet, peer, path):
    client = peer()
    client.say("EHLO c.test")
    begun = time.monotonic()
    assert client.say("MAIL FROM:" + path.format(d=martlet.domain))[:3] in ("501", "553")
    assert client.say("MAIL FROM:<a@b.test>").startswith("250")
    assert client.say("RCPT TO:" + path.format(d=martlet.domain))[:3] in ("501", "553")
    assert time.monotonic() - begun < 1


@pytest.mark.parametrize("path", ["<;touch pwned;@{d}>", '<"$(touch pwned)"@{d}>', "<${{run{{touch}}}}@{d}>", "<%n%n%s@{d}>", "<`id`@{d}>",
                                  '<"x\'/**/UNION/**/SELECT/**/1--"@{d}>', "<$1@{d}>", "<%_@{d}>"])
def test_nothing_in_an_address_is_executed(martlet, peer, path):
    client = peer()
    client.say("EHLO c.test")
    assert client.say("MAIL FROM:<a@b.test>").startswith("250")
    assert client.say("RCPT TO:" + path.format(d=martlet.domain))[:1] == "5"


def test_nothing_is_started_by_what_is_said(martlet, peer, account, tmp_path):
    """The daemons' system calls while addresses, headers and names that are commands to a shell go the whole way: no exec, no fork."""
    strace = shutil.which("strace")
    if not strace or os.geteuid() != 0:
        pytest.skip("only root may trace another process, with strace")
    trace = tmp_path / "trace"
    pids = [number for daemon in ("smtpd", "classifyd", "filerd", "accessd") for number in ("-p", str(martlet.pid(daemon)))]
    watcher = subprocess.Popen([strace, "-f", "-e", "trace=execve,execveat,fork,vfork,openat,accept,accept4", "-o", str(trace), *pids], stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(4):
            assert "attached" in watcher.stderr.readline()
        for order in ("$(touch pwned)", "`touch pwned`", "; touch pwned;", "|touch pwned", "${run{touch pwned}}", "../../pwned"):
            client, subject = peer(), token()
            client.say(f"EHLO {order}")
            client.say("EHLO c.test")
            assert client.say(f'MAIL FROM:<"{order}"@remote.test>')[:3] in ("250", "501", "553")
            client.say("RSET")
            content = f"Subject: {subject} {order}\r\nFrom: {order} <a@b.test>\r\nContent-Type: text/plain; name=\"{order}\"\r\n\r\n{order}\r\n.\r\n"
            assert client.data(account.address, content).startswith("250")
            assert order.encode() in martlet.wait_mail(account, subject, mailbox=None)
    finally:
        watcher.terminate()
        watcher.communicate(timeout=20)
    calls = trace.read_text()
    assert "accept" in calls, "nothing was traced"
    assert "exec" not in calls and "fork" not in calls and "pwned" not in calls, calls[-2000:]


def test_no_form_of_address_is_relayed(martlet, peer):
    d = martlet.domain
    forms = ["u@remote.test", f"u%remote.test@[127.0.0.1]", f"u%remote.test@{d}", '"u@remote.test"', '"u%remote.test"', "u@remote.test@[127.0.0.1]",
             f"u@remote.test@{d}", '"u@remote.test"@[127.0.0.1]', f'"u@remote.test"@{d}', "@[127.0.0.1]:u@remote.test", f"@{d}:u@remote.test",
             "remote.test!u", "remote.test!u@[127.0.0.1]", f"remote.test!u@{d}"]
    for sender in ("", "a@evil.test", f"a@{d}", "a@[127.0.0.1]"):
        for group in (forms[:7], forms[7:]):
            client = peer()
            client.say("EHLO c.test")
            assert client.say(f"MAIL FROM:<{sender}>").startswith("250")
            for form in group:
                assert client.say(f"RCPT TO:<{form}>")[:1] == "5", (sender, form)
            assert client.say("DATA")[:1] == "5"


def test_a_name_in_ehlo_adds_no_header(martlet, peer, account):
    client, subject = peer(), token()
    assert client.say("EHLO x\rX-Inj: 1").startswith("501")
    assert client.say("EHLO <script>alert(1)</script>").startswith("501")
    assert client.data(account.address, f"Subject: {subject}\r\n\r\nx\r\n.\r\n").startswith("250")
    assert b"X-Inj" not in martlet.wait_mail(account, subject, mailbox=None)


# ---------------------------------------------------------------- guessing


def test_verification_and_guessing(martlet, peer, account):
    client = peer()
    client.say("EHLO c.test")
    assert client.say(f"VRFY {account.address}") == client.say("VRFY nobody@nowhere.test")
    assert client.say(f"EXPN {account.address}") == client.say("EXPN nobody")
    assert client.say("VRFY x").startswith("252") and client.say("EXPN x").startswith("502")
    client.say("MAIL FROM:<a@b.test>")
    answers = [client.say(f"RCPT TO:<{token()}@{martlet.domain}>")[:9] for _ in range(9)]
    assert set(answers) == {"550 5.1.1"}
    assert client.say(f"RCPT TO:<{token()}@{martlet.domain}>").startswith("421")
    assert client.rest() == b""


def test_a_list_with_dead_addresses_is_not_cut_off(martlet, peer, account):
    client, subject = peer(), token()
    client.say("EHLO c.test")
    client.say("MAIL FROM:<list@b.test>")
    assert client.say(f"RCPT TO:<{account.address}>").startswith("250")
    for _ in range(10):
        assert client.say(f"RCPT TO:<{token()}@{martlet.domain}>").startswith("550 5.1.1")
    assert client.say("DATA").startswith("354")
    assert client.send(f"Subject: {subject}\r\n\r\nx\r\n.\r\n").reply().startswith("250")
    martlet.wait_mail(account, subject, mailbox=None)


def test_there_is_a_postmaster(martlet, peer):
    """RFC 5321 4.5.1: with the domain and without, however it is written."""
    client = peer()
    client.say("EHLO c.test")
    client.say("MAIL FROM:<a@b.test>")
    for path in ("<Postmaster>", "<postmaster>", f"<postmaster@{martlet.domain}>", f"<PostMaster@{martlet.domain}>"):
        assert client.say(f"RCPT TO:{path}").startswith("250"), path
    subject = token()
    assert client.say("DATA").startswith("354")
    assert client.send(f"Subject: {subject}\r\n\r\nx\r\n.\r\n").reply().startswith("250")
    alice = Account(*(martlet.welcome["accounts"][0][key] for key in ("address", "password")))
    martlet.wait_mail(alice, subject, mailbox=None)


def test_an_address_that_guesses_recipients_is_turned_away(martlet, source):
    for _ in range(60):
        client = Peer(martlet, source=source)
        if client.greeting.startswith("421"):
            break
        client.say("EHLO c.test")
        client.say("MAIL FROM:<a@b.test>")
        client.send("".join(f"RCPT TO:<{token()}@{martlet.domain}>\r\n" for _ in range(10)))
        client.rest()
    else:
        pytest.fail("600 guesses from one address")
    assert Peer(martlet, source="127.0.0.1").greeting.startswith("220")


def test_a_password_in_clear_text_is_not_looked_at(martlet, peer, account):
    for port in ("smtp", "submission"):
        client = peer(port)
        assert "AUTH" not in client.say("EHLO c.test")
        right = client.say("AUTH PLAIN " + auth(account.address, account.password))
        assert right[:3] in ("538", "530")
        assert client.say("AUTH PLAIN " + auth(account.address, "wrong")) == right
    client = peer("submission")
    client.say("EHLO c.test")
    assert client.say("MAIL FROM:<a@b.test>").startswith("530 5.7.0")


def test_wrong_passwords_and_missing_users_look_the_same(martlet, account):
    addresses = (f"127.0.2.{n}" for n in itertools.count(1))
    answers, times = {"alice": set(), "missing": set()}, {"alice": [], "missing": []}
    for _ in range(12):
        source = next(addresses)
        for kind, name in (("alice", account.address), ("missing", f"{token()}@{martlet.domain}")):
            client = Peer(martlet, "submissions", source, greeting=False).wrap()
            client.reply()
            client.say("EHLO c.test")
            for _ in range(2):
                begun = time.perf_counter()
                answers[kind].add(client.say("AUTH PLAIN " + auth(name, "wrong")))
                times[kind].append(time.perf_counter() - begun)
            client.close()
    assert answers["alice"] == answers["missing"] == {"535 5.7.8 Authentication credentials invalid"}
    alice, missing = statistics.median(times["alice"]), statistics.median(times["missing"])
    assert abs(alice - missing) < 0.002 + 0.1 * alice  # a verifier that is not computed would be most of it


def test_guessing_is_slowed_down_and_locks_nobody_out(martlet, account, source):
    allowed = 0
    for _ in range(12):
        client = Peer(martlet, "submissions", source, greeting=False).wrap()
        client.reply()
        client.say("EHLO c.test")
        for _ in range(2):
            allowed += client.say("AUTH PLAIN " + auth(account.address, "wrong")).startswith("535")
        client.close()
    assert allowed <= 12, f"{allowed} guesses were looked at"
    begun = time.monotonic()
    with martlet.smtp("submissions", account) as client:
        assert client.noop()[0] == 250
    assert time.monotonic() - begun < 2


def test_odd_auth_exchanges(martlet, peer, account):
    def fresh():
        client = peer("submissions", greeting=False).wrap()
        client.reply()
        client.say("EHLO c.test")
        return client
    for line in ("AUTH PLAIN =", "AUTH PLAIN AAA=", "AUTH PLAIN AAAA", "AUTH PLAIN " + base64.b64encode(b"a\0b\0c\0d").decode(), "AUTH PLAIN !!!!",
                 "AUTH LOGIN " + base64.b64encode(b"\xff\xfe").decode() + "\r\nAAAA"):
        replies = fresh().send(line + "\r\n*\r\n")
        assert replies.reply()[:3] in ("501", "535", "334"), line
    assert fresh().say("AUTH PLAIN " + "A" * 20_000).startswith("500")
    client = fresh()
    assert client.say("AUTH LOGIN").startswith("334")
    assert client.say("*").startswith("501")
    for _ in range(50):
        half = fresh()
        half.say("AUTH LOGIN")
        half.close()
    assert client.say("AUTH PLAIN " + auth(account.address, account.password)).startswith("235")
    client = fresh()
    assert client.say("AUTH PLAIN").startswith("334")
    assert client.say(auth(account.address, account.password)).startswith("235")
    client = fresh()
    for _ in range(2):
        assert client.say("AUTH PLAIN " + auth(account.address, "wrong")).startswith("535")
    assert client.say("AUTH PLAIN " + auth(account.address, "wrong")).startswith("421")
    assert client.rest() == b""


def test_passwords_appear_in_no_log(martlet, peer, source):
    canary = "canary" + uuid.uuid4().hex
    victim = martlet.new_account()
    for line in ("AUTH PLAIN " + auth(victim.address, canary), f"AUTH PLAIN {canary}", f"AUTHX {canary}", f"PASS {canary}"):
        client = peer("submissions", greeting=False).wrap()
        client.reply()
        client.say("EHLO c.test")
        client.say(line)
        client.close()
    time.sleep(0.5)
    log = martlet.log("smtpd")
    assert canary not in log and base64.b64encode(canary.encode()).decode().strip("=")[:-2] not in log
    assert victim.address not in log


# ---------------------------------------------------------------- flow and load


def test_a_whole_dialogue_in_one_write_runs_once(martlet, peer, account):
    subject = token()
    client = peer()
    client.send(f"EHLO c.test\r\nMAIL FROM:<m@evil.test>\r\nRCPT TO:<{account.address}>\r\nDATA\r\nSubject: {subject}\r\n\r\n"
                f"RSET\r\nMAIL FROM:<x@y.test>\r\n.\r\nQUIT\r\n")
    text = client.rest().decode()
    assert text.count("250 2.0.0 ") == 1 and text.count("250 2.1.0") == 1
    martlet.wait_mail(account, subject, mailbox=None)


def test_a_body_behind_a_refused_data_is_not_run(martlet, peer, account):
    client = peer()
    client.send(f"EHLO c.test\r\nMAIL FROM:<m@evil.test>\r\nRCPT TO:<{token()}@{martlet.domain}>\r\nDATA\r\nRSET\r\nMAIL FROM:<smug@evil.test>\r\n.\r\n")
    text = client.rest().decode()
    assert text.count("250 2.1.0") == 1 and re.search(r"^554 ", text, re.M)


def test_browsers_and_early_talkers(martlet, source):
    for first in ("POST / HTTP/1.1\r\nHost: mx\r\n\r\nEHLO x\r\nMAIL FROM:<a@b.test>\r\n", "GET / HTTP/1.0\r\n\r\n"):
        for port in ("smtp", "submission"):
            client = Peer(martlet, port, source)
            client.send(first)
            assert b"250" not in client.rest()
    client = Peer(martlet, source=source, greeting=False)
    client.send("POST / HTTP/1.1\r\nHost: mx\r\n\r\n")
    assert b"250" not in client.rest()


def test_many_connections_of_one_address(martlet, source):
    peers = []
    try:
        for _ in range(60):
            peers.append(Peer(martlet, source=source))
        greetings = [p.greeting[:3] for p in peers]
        assert greetings[:40] == ["220"] * 40 and greetings[-1] == "421"
        assert Peer(martlet, source="127.0.0.1").greeting.startswith("220")
    finally:
        for client in peers:
            client.close()


def test_a_client_that_never_reads_costs_little(martlet, source):
    before = martlet.rss("smtpd")
    peers = [Peer(martlet, source=source) for _ in range(20)]
    for client in peers:
        client.socket.settimeout(2)
        try:
            client.send(b"EHLO c.test\r\n" * 10_000)
        except (socket.timeout, ConnectionError):
            pass
    time.sleep(1)
    grown = martlet.rss("smtpd") - before
    for client in peers:
        client.close()
    assert grown < 20, f"{grown:.0f} MiB for 20 clients"


def test_junk_commands_end_the_session(peer):
    client = peer()
    client.send("NOOP\r\n" * 1000)
    text = client.rest().decode()
    assert text.count("250 ") < 100 and "421 4.7.0" in text


def test_honest_clients_do_not_wait_for_slow_ones(martlet, account):
    slow, stop = [], threading.Event()
    for index in range(400):
        client = Peer(martlet, source=f"127.0.3.{index % 200 + 1}")
        if index % 2:
            client.envelope(account.address)
            client.say("DATA")
        slow.append(client)

    def drip():
        while not stop.wait(1):
            for client in slow:
                try:
                    client.send(b"x")
                except OSError:
                    pass
    thread = threading.Thread(target=drip)
    thread.start()
    try:
        times = []
        for _ in range(50):
            begun = time.perf_counter()
            martlet.send(account.address, message("slow " + token()))
            times.append(time.perf_counter() - begun)
        assert statistics.median(times) < 0.25
    finally:
        stop.set()
        thread.join()
        for client in slow:
            client.close()


def test_many_recipients(martlet, account, source):
    client, subject = Peer(martlet, source=source), token()
    client.say("EHLO c.test")
    client.say("MAIL FROM:<a@b.test>")
    client.send(f"RCPT TO:<{account.address}>\r\n" * 1100)
    codes = [client.reply()[:3] for _ in range(1100)]
    assert codes == ["250"] * 1000 + ["452"] * 100
    assert client.say("DATA").startswith("354")  # RFC 5321 4.5.3.1.10: for those that were taken
    assert client.send(f"Subject: {token()}\r\n\r\nx\r\n.\r\n").reply().startswith("250")
    client = Peer(martlet, source=source)
    client.say("EHLO c.test")
    client.say("MAIL FROM:<a@b.test>")
    client.send(f"RCPT TO:<{account.address}>\r\n" * 1000)
    assert {client.reply()[:3] for _ in range(1000)} == {"250"}
    assert client.say("DATA").startswith("354")
    assert client.send(f"Subject: {subject}\r\n\r\nx\r\n.\r\n").reply().startswith("250")
    martlet.wait_mail(account, subject, mailbox=None)
    time.sleep(0.5)
    assert len(martlet.find(account, subject)) == 1


def test_sizes(martlet, peer, account):
    client = peer()
    features = client.say("EHLO c.test")
    limit = int(re.search(r"SIZE (\d+)", features).group(1))
    for size, code in (("99999999999999999999", "552"), ("-1", "501"), ("abc", "501"), (str(limit + 1), "552")):
        assert client.say(f"MAIL FROM:<a@b.test> SIZE={size}").startswith(code)
    before = martlet.rss("smtpd")
    client.envelope(account.address)
    assert client.say("DATA").startswith("354")
    client.socket.settimeout(60)
    line = b"x" * 998 + b"\r\n"
    for _ in range(limit // 1000 // 100 + 11):
        client.send(line * 100)
    assert client.send(b".\r\n").reply().startswith("552 5.3.4")
    assert martlet.rss("smtpd") - before < 30
    assert client.say("NOOP").startswith("250")


@pytest.mark.parametrize("length", [998, 999, 2049, 1_000_000])
def test_long_body_lines_are_never_cut(martlet, peer, account, length):
    subject = token()
    body = f"Subject: {subject}\r\n\r\n".encode() + b"l" * length + b"\r\n"
    reply = peer().data(account.address, body + b".\r\n")
    if reply.startswith("250"):
        assert martlet.wait_mail(account, subject, mailbox=None).endswith(body)
    else:
        assert reply[:1] == "5"


def test_mail_that_loops(peer, account):
    hop = "Received: from a by b; Sat, 21 Nov 2026 10:00:00 +0000\r\n"
    assert peer().data(account.address, hop * 101 + "Subject: x\r\n\r\nx\r\n.\r\n").startswith("554 5.4.6")
    assert peer().data(account.address, hop * 20 + "Subject: x\r\n\r\nx\r\n.\r\n").startswith("250")


@pytest.mark.parametrize("head", ["X: y\r\n" * 100_000, "X: " + ("h" * 900 + "\r\n ") * 20_000 + "\r\n", "To: " + "a@b.test,\r\n " * 100_000 + "c@d.test\r\n",
                                  "no colon here\r\n", "N" * 1_000_000 + ": x\r\n"],
                         ids=["fields", "folded", "addresses", "no-colon", "long-name"])
def test_huge_headers(martlet, peer, account, head):
    client = peer()
    client.socket.settimeout(60)
    client.envelope(account.address)
    assert client.say("DATA").startswith("354")
    client.send(f"Subject: {token()}\r\n{head}\r\nx\r\n")
    begun = time.monotonic()
    assert client.send(".\r\n").reply()[:3] in ("250", "552")
    assert time.monotonic() - begun < 5


def test_memory_does_not_grow_with_repeats(martlet, account, source):
    def round():
        for _ in range(10):
            client = Peer(martlet, source=source)
            client.send("MAIL FROM:<\0>\r\nNOOP " + "A" * 20_000 + "\r\nEHLO c.test\r\nRCPT TO:<x>\r\nBDAT 5 LAST\r\nabcde")
            client.rest()
            client.close()
    for _ in range(3):
        round()
    before = martlet.rss("smtpd")
    for _ in range(10):
        round()
    assert martlet.rss("smtpd") < before * 1.05 + 2
