"""Mail hosts that misbehave at first and take the mail later: it waits, arrives, and relayd lives on.

RELIABILITY rows 19, 50, 98 and F36. The sessions are sockets in this process; each case has a domain of its own, because a
domain without a usable host is held as a whole."""
import socket, ssl, threading, time
import pytest
from test_relay import port, submit, token, wait_event


class Closed(Exception):
    pass


class Session:
    def __init__(self, connection):
        self.socket, self.have, self.lines = connection, b"", []
        self.socket.settimeout(20)

    def say(self, text):
        try:
            self.socket.sendall(text.encode() if isinstance(text, str) else text)
        except OSError as error:
            raise Closed from error

    def line(self):
        while b"\r\n" not in self.have:
            try:
                piece = self.socket.recv(65536)
            except OSError as error:
                raise Closed from error
            if not piece:
                raise Closed
            self.have += piece
        line, self.have = self.have.split(b"\r\n", 1)
        self.lines.append(line)
        return line

    def hello(self, *offers):
        self.say("220 mx.hostile.test ESMTP\r\n")
        self.line()
        self.say("".join(f"250-{offer}\r\n" for offer in ("mx.hostile.test",) + offers) + "250 8BITMIME\r\n")

    def serve(self, end="250 2.0.0 taken\r\n"):
        """Takes mails until QUIT; returns them."""
        mails = []
        while (command := self.line()) != b"QUIT":
            if command == b"DATA":
                self.say("354 go\r\n")
                content = []
                while (line := self.line()) != b".":
                    content.append(line)
                mails.append(b"\r\n".join(content))
                self.say(end)
                if not end:
                    return mails
            else:
                self.say("250 2.1.0 ok\r\n")
        self.say("221 bye\r\n")
        return mails


class Host:
    """Sessions are given to the scripts in turn; those that come after behave."""

    def __init__(self, port, *scripts):
        self.scripts, self.sessions, self.mails, self.early = list(scripts), [], [], []
        self.server = socket.create_server(("127.0.1.20", port))
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        # Wakes accept(), which would hold the port.
        self.server.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.server.close()

    def run(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        session = Session(connection)
        self.sessions.append(session)
        script = self.scripts.pop(0) if self.scripts else None
        try:
            if script:
                self.early += script(session) or []
            else:
                session.hello("PIPELINING")
                self.mails += session.serve()
        except (Closed, ssl.SSLError, OSError):
            pass
        session.socket.close()

    def wait(self, subject, seconds=20):
        deadline = time.monotonic() + seconds
        while not (found := [mail for mail in self.mails if subject.encode() in mail]):
            assert time.monotonic() < deadline, "the mail did not arrive: " + str([s.lines for s in self.sessions])
            time.sleep(0.05)
        return found


def flood(session):
    for _ in range(10_000):
        session.say("220-" + "x" * 1000 + "\r\n")


def endless_line(session):
    for _ in range(10_000):
        session.say("x" * 1000)


def injected(session):
    session.hello("STARTTLS")
    assert session.line() == b"STARTTLS"
    session.say("220 go\r\n250-x\r\n250 AUTH\r\n")
    session.line()


def answers_ahead(session):
    session.hello("PIPELINING")
    session.line()
    session.say("250 ok\r\n250 ok\r\n354 go\r\n250 2.0.0 taken, really\r\n")
    while True:
        session.line()


def refuses_late(session):
    session.hello("PIPELINING")
    return session.serve("451 4.7.1 later\r\n") and []


CASES = {
    "h0": (lambda session: session.say("554 5.7.1 go away\r\n"), "a greeting that refuses"),
    "h1": (lambda session: session.say("HTTP/1.1 400 Bad Request\r\n\r\n"), "another protocol"),
    "h2": (flood, "a reply without end"),
    "h3": (endless_line, "a line without end"),
    "h4": (injected, "clear text behind the answer to STARTTLS"),
    "h5": (answers_ahead, "an acknowledgement before the mail"),
    "h6": (refuses_late, "a refusal after the dot"),
    "h7": (lambda session: (session.hello(), session.line(), session.say("421 bye\r\n"))[3:], "421 to MAIL"),
}


@pytest.mark.parametrize("name", CASES, ids=lambda name: CASES[name][1])
def test_mail_waits_for_a_host_that_misbehaves(martlet, account, port, name):
    pid = martlet.pid("relayd")
    subject = token()
    with Host(port, CASES[name][0]) as host:
        mail, sent = submit(martlet, account, f"u@{name}.hostile.test", subject)
        [got] = host.wait(subject)
        assert got.replace(b"\r\n..", b"\r\n.").endswith(sent.rstrip(b"\r\n")), "the content that arrived is what was sent"
        wait_event(martlet, mail, "relayed")
        if name == "h4":
            assert host.sessions[0].lines[-1] == b"STARTTLS", "nothing is said behind the injected answer"
        assert subject.encode() not in b"".join(host.early)
    assert martlet.pid("relayd") == pid


def test_a_lost_answer_means_at_most_one_copy_more(martlet, account, port):
    subject = token()

    def goes_silent(session):
        session.hello("PIPELINING")
        return session.serve(end="")

    with Host(port, goes_silent) as host:
        submit(martlet, account, "u@h8.hostile.test", subject)
        got = host.wait(subject)
        time.sleep(1)
        first = [mail for mail in host.early if subject.encode() in mail]
        assert len(first) == 1 and len(host.mails) == len(got) == 1
        assert first[0] == got[0], "the same mail, Message-ID and signature included"


def test_mail_goes_encrypted_where_the_host_can(martlet, account, port):
    subject, versions = token(), []

    def encrypts(session):
        session.hello("STARTTLS")
        assert session.line() == b"STARTTLS"
        session.say("220 go\r\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(martlet.data / "tls/server.pem", martlet.data / "tls/server.key")
        session.socket = context.wrap_socket(session.socket, server_side=True)
        versions.append(session.socket.version())
        assert session.line().startswith(b"EHLO")
        session.say("250-mx.hostile.test\r\n250 PIPELINING\r\n")
        host.mails += session.serve()

    with Host(port, encrypts) as host:
        submit(martlet, account, "u@h9.hostile.test", subject)
        host.wait(subject)
        assert versions == ["TLSv1.3"] and len(host.sessions) == 1


def test_a_host_that_leads_inside_is_passed_over(martlet, account, port):
    """The better host of the domain is at 127.0.0.1 and ::1; the other one takes the mail."""
    aiosmtpd = pytest.importorskip("aiosmtpd", reason="python3-aiosmtpd is not installed")
    from sink import Sink
    subject = token()
    with socket.create_server(("127.0.0.1", port)) as trap, Sink("127.0.1.10", port) as sink:
        trap.settimeout(0.2)
        submit(martlet, account, "u@mixed.test", subject)
        sink.wait(subject)
        with pytest.raises(TimeoutError):
            trap.accept()
