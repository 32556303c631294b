"""A running Martlet for the end-to-end tests.

Fixtures
  martlet   the system (session-wide): ports, `cli(...)`, `imap(account)`, `smtp(...)`, `kill(daemon)`, `stop/start(daemon)`, `sql(...)`
  account   a fresh account of this test: `.address`, `.password`, `.local`
  second    another one
  nobody_else_reads_worse   for hostile IMAP and POP3 clients: whatever they did, all daemons go on and no log holds a password
  unharmed  the same for clients of any kind, and honest ones beside them noticed nothing: `.records(daemon, peer=...)` is what was logged

The system is one that `Tests/run` started (a worker of pytest-xdist has one of its own: folder 1, 2, ... of MARTLET_HOME, ports
1,000 apart); by hand: `MARTLET_HOME=dir MARTLET_PORT_BASE=22000 deploy/local/run --detach` and the same two variables for pytest.
"""
import base64, contextlib, imaplib, json, os, pathlib, poplib, re, shlex, signal, smtplib, socket, ssl, statistics, subprocess, threading, time, uuid
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
if worker := os.environ.get("PYTEST_XDIST_WORKER"):  # gw0, gw1, ...
    number = int(worker[2:])
    os.environ["MARTLET_HOME"] = f"{os.environ['MARTLET_HOME']}/{number + 1}"
    os.environ["MARTLET_PORT_BASE"] = str(int(os.environ["MARTLET_PORT_BASE"]) + 1000 * number)
DAEMONS = ["smtpd", "classifyd", "filerd", "relayd", "accessd", "watchd"]


class Account:
    def __init__(self, address, password):
        self.address, self.password = address, password
        self.local = address.split("@")[0]


class Martlet:
    def __init__(self, home):
        self.home = pathlib.Path(home)
        self.welcome = json.loads((self.home / "welcome.json").read_text())
        self.ports, self.ca = self.welcome["ports"], self.welcome["ca"]
        self.base = self.ports["smtp"] - 525  # MARTLET_PORT_BASE of its start
        self.data = pathlib.Path(self.ca).parents[1]
        self.domain = self.welcome["domain"]
        self.tls = ssl.create_default_context(cafile=self.ca)
        self.passwords = []  # of the accounts made here

    # -- the operator's command
    def cli(self, *arguments, input=None, check=True):
        run = subprocess.run([str(self.home / "martlet"), *arguments], input=input, capture_output=True, text=True, timeout=120)
        if check:
            assert run.returncode == 0, f"martlet {' '.join(arguments)}: {run.stdout}{run.stderr}"
        return run

    def cli_json(self, *arguments, input=None):
        return json.loads(self.cli(*arguments, "--json", input=input).stdout)

    def new_account(self, prefix="user"):
        address, password = f"{prefix}-{uuid.uuid4().hex[:10]}@{self.domain}", uuid.uuid4().hex
        self.cli("account", "add", address, "--password-stdin", input=password)
        self.passwords.append(password)
        return Account(address, password)

    # -- protocols
    def smtp(self, port="smtp", account=None, timeout=30):
        if port == "submissions":
            client = smtplib.SMTP_SSL("localhost", self.ports[port], timeout=timeout, context=self.tls, local_hostname="client.test")
        else:
            client = smtplib.SMTP("localhost", self.ports[port], timeout=timeout, local_hostname="client.test")
        if port == "submission":
            client.starttls(context=self.tls)
        if account:
            client.login(account.address, account.password)
        return client

    def imap(self, account, timeout=30):
        client = imaplib.IMAP4_SSL("localhost", self.ports["imaps"], ssl_context=self.tls, timeout=timeout)
        client.login(account.address, account.password)
        return client

    def socket(self, port, timeout=15):
        return socket.create_connection(("127.0.0.1", self.ports[port]), timeout=timeout)

    def send(self, to, message, sender="someone@remote.test"):
        """Delivers to the MX port; returns the mail id of the 250."""
        with self.smtp() as client:
            client.ehlo()
            client.mail(sender)
            for address in [to] if isinstance(to, str) else to:
                code, text = client.rcpt(address)
                assert code == 250, (code, text)
            code, text = client.data(message)
            assert code == 250, (code, text)
            return text.decode().split()[1]

    def wait_mail(self, account, text, mailbox="INBOX", seconds=20):
        """Waits until one mail with this text in its subject is in the mailbox (None: Inbox or Junk); returns its bytes."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                found = self.find(account, text, mailbox)
                if found:
                    assert len(found) == 1, f"{len(found)} copies of {text}"
                    return found[0]
            except (imaplib.IMAP4.abort, ConnectionError, OSError):
                pass  # accessd may be restarting in this test
            assert time.monotonic() < deadline, f"{text} is not in {mailbox} after {seconds} s"
            time.sleep(0.1)

    def find(self, account, text, mailbox="INBOX"):
        client, found = self.imap(account), []
        try:
            for name in ["INBOX", "Junk"] if mailbox is None else [mailbox]:
                client.select(name, readonly=True)
                _, data = client.search(None, "SUBJECT", f'"{text}"')
                found += [client.fetch(n, "(BODY.PEEK[])")[1][0][1] for n in data[0].split()]
            return found
        finally:
            client.logout()

    # -- daemons
    def pid(self, daemon):
        try:
            return int((self.data / "services" / daemon / "supervise" / "pid").read_text())
        except (ValueError, FileNotFoundError):
            return None

    def kill(self, daemon, number=signal.SIGKILL):
        pid = self.pid(daemon)
        assert pid, f"{daemon} is not running"
        os.kill(pid, number)
        return pid

    def sv(self, command, daemon):
        subprocess.run(["sv", "-w", "40", command, str(self.data / "services" / daemon)], check=True, capture_output=True)

    def stop(self, daemon):
        self.sv("stop", daemon)

    def start(self, daemon):
        self.sv("start", daemon)

    def restart(self, daemon, port):
        """From the beginning, for a test that measures memory; returns when it greets."""
        self.sv("restart", daemon)
        deadline = time.monotonic() + 15
        while True:
            try:
                with socket.create_connection(("localhost", self.ports[port]), 5) as plain:
                    if plain.recv(1):
                        return
            except OSError:
                pass
            assert time.monotonic() < deadline, f"{daemon} does not greet"
            time.sleep(0.1)

    def rss(self, daemon):
        """Resident memory in MiB."""
        status = pathlib.Path(f"/proc/{self.pid(daemon)}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) / 1024

    def log(self, daemon):
        return (self.data / "log" / daemon / "current").read_text(errors="replace")

    def http(self, path):
        run = subprocess.run(["curl", "-s", "-m", "5", "-w", "\n%{http_code}", f"http://127.0.0.1:{self.ports['http']}{path}"],
                             capture_output=True, text=True)
        body, _, code = run.stdout.rpartition("\n")
        return int(code or 0), body

    def wait_ready(self, seconds=30, degraded=False):
        deadline = time.monotonic() + seconds
        while True:
            code, body = self.http("/health/ready")
            if code == 200 and (degraded or '"classify"' not in body):
                return
            assert time.monotonic() < deadline, f"not ready after {seconds} s: {body}"
            time.sleep(0.2)

    def sql(self, query, database="martlet"):
        password = (self.data / "secrets" / "postgres.password").read_text()
        run = subprocess.run(["psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(self.base + 432), "-U", "postgres", "-d", database,
                              "-c", query], env={**os.environ, "PGPASSWORD": password}, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        return [line.split("|") for line in run.stdout.splitlines()]


def message(subject, body="Hello,\r\n\r\nsee you at lunch tomorrow.\r\n", sender="Some One <someone@remote.test>", to="you@example.test"):
    return (f"From: {sender}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
            f"Message-ID: <{uuid.uuid4().hex}@remote.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{body}").encode()


@pytest.fixture(scope="session")
def martlet():
    home = os.environ.get("MARTLET_HOME")
    if not home or not (pathlib.Path(home) / "welcome.json").exists():
        pytest.exit("no running system: use `make test`, or set MARTLET_HOME and MARTLET_PORT_BASE (see conftest.py)", 2)
    system = Martlet(home)
    system.wait_ready()
    return system


@pytest.fixture
def account(martlet):
    return martlet.new_account()


@pytest.fixture
def second(martlet):
    return martlet.new_account("second")


@pytest.fixture
def nobody_else_reads_worse(martlet):
    outcome = Unharmed(martlet)
    yield
    outcome.check()
    with imaplib.IMAP4_SSL("localhost", martlet.ports["imaps"], ssl_context=martlet.tls, timeout=10) as client:
        assert client.noop()[0] == "OK"
    client = poplib.POP3_SSL("localhost", martlet.ports["pop3s"], context=martlet.tls, timeout=10)
    assert "UIDL" in client.capa()
    client.quit()


class Bystanders:
    """Honest clients of each kind, one after the other, all the while: what they waited for an answer, and what went wrong."""

    SOURCE = ("127.0.9.1", 0)

    def __init__(self, martlet):
        self.martlet, self.times, self.problems = martlet, {"smtp": [], "imap": [], "pop3": [], "http": []}, []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.imap_session = None
        self.round()  # before anybody does harm
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join(60)
        if not self.problems:
            self.round()  # and after it
        if self.imap_session:
            self.imap_session.shutdown()

    def run(self):
        while not self.stop.wait(0.1) and not self.problems:
            self.round()

    def round(self):
        for kind in self.times:
            begun = time.monotonic()
            try:
                getattr(self, kind)()
            except Exception as error:
                self.problems.append(f"{kind} after {time.monotonic() - begun:.1f} s: {error!r}")
            self.times[kind].append(time.monotonic() - begun)

    def smtp(self):
        with smtplib.SMTP("localhost", self.martlet.ports["smtp"], timeout=20, local_hostname="honest.test", source_address=self.SOURCE) as client:
            assert client.ehlo()[0] == 250 and client.noop()[0] == 250

    def imap(self):
        """A session that goes on."""
        if self.imap_session is None:
            plain = socket.create_connection(("127.0.0.1", self.martlet.ports["imap"]), 20, self.SOURCE)
            self.imap_session = imaplib.IMAP4.__new__(imaplib.IMAP4)
            self.imap_session._create_socket = lambda timeout=None: plain
            imaplib.IMAP4.__init__(self.imap_session, "localhost", self.martlet.ports["imap"])
        assert self.imap_session.noop()[0] == "OK"

    def pop3(self):
        with socket.create_connection(("127.0.0.1", self.martlet.ports["pop3"]), 20, self.SOURCE) as client:
            assert client.recv(1000).startswith(b"+OK")
            client.sendall(b"QUIT\r\n")
            assert client.recv(1000).startswith(b"+OK")

    def http(self):
        with socket.create_connection(("127.0.0.1", self.martlet.ports["http"]), 20, self.SOURCE) as client:
            client.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 200")

    def check(self):
        assert not self.problems, self.problems
        for kind, times in self.times.items():
            # Bounds that a machine several times slower keeps too; an event loop that is blocked or a lock that is held breaks them.
            assert statistics.median(times) < 0.5 and max(times) < 8, f"honest {kind} clients waited: {sorted(times)[-5:]}"


class Unharmed:
    def __init__(self, martlet):
        self.martlet = martlet
        self.pids = {daemon: martlet.pid(daemon) for daemon in DAEMONS}
        assert all(self.pids.values()), self.pids
        self.written = {daemon: len(martlet.log(daemon)) for daemon in DAEMONS}

    def log(self, daemon):
        """What was logged since the test began."""
        log = self.martlet.log(daemon)
        return log[self.written[daemon]:] if len(log) >= self.written[daemon] else log  # else a new file was begun

    def records(self, daemon, **wanted):
        """Its records as dictionaries; `peer="127.0.1.2"` and the like choose among them."""
        found = []
        for line in self.log(daemon).splitlines():
            with contextlib.suppress(ValueError):
                record = dict(word.split("=", 1) for word in shlex.split(line) if "=" in word)
                record["peer"] = record.get("session.peer")
                if all(record.get(key) == value for key, value in wanted.items()):
                    found.append(record)
        return found

    def wait_record(self, daemon, seconds=15, **wanted):
        deadline = time.monotonic() + seconds
        while not (found := self.records(daemon, **wanted)):
            assert time.monotonic() < deadline, f"{daemon} logged no {wanted}: {self.log(daemon)[-2000:]}"
            time.sleep(0.05)
        return found

    def check(self):
        assert {daemon: self.martlet.pid(daemon) for daemon in DAEMONS} == self.pids, "a daemon restarted"
        for daemon in DAEMONS:
            log = self.log(daemon)
            for password in self.martlet.passwords:
                assert not any(text in log for text in spellings(password)), f"a password is in the log of {daemon}"


def spellings(secret):
    """A secret in clear text, in base64 at each of its three alignments, in hexadecimal, and with each octet percent-encoded."""
    raw = secret.encode()
    hidden = [base64.b64encode(raw[skipped:])[:(len(raw) - skipped) // 3 * 4].decode() for skipped in range(3)]
    return [secret, *hidden, raw.hex(), raw.hex().upper(), "".join(f"%{octet:02x}" for octet in raw)]


@pytest.fixture
def unharmed(martlet):
    outcome = Unharmed(martlet)
    with Bystanders(martlet) as bystanders:
        yield outcome
    outcome.check()
    bystanders.check()


def flat(martlet, daemon, round, before=5, repeats=10):
    """Ten repeats add less than 5 % to the daemon's memory, once it has what it keeps."""
    for _ in range(before):
        round()
    first = martlet.rss(daemon)
    for _ in range(repeats):
        round()
    assert martlet.rss(daemon) < first * 1.05 + 2, f"{daemon} grew from {first:.1f} to {martlet.rss(daemon):.1f} MiB"
