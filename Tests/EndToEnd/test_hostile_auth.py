"""Guessers, odd names, exchanges that break off, and where a password may turn up: over every protocol."""
import base64, http.client, json, os, socket, statistics, subprocess, threading, time, urllib.parse, urllib.request, uuid
import pytest
from conftest import Account, spellings

_addresses = (f"127.0.{net}.{host}" for net in range(40, 50) for host in range(1, 255))


def fresh():
    return next(_addresses)


def plain(name, password):
    if isinstance(name, str):
        name = name.encode()
    return base64.b64encode(b"\0" + name + b"\0" + password.encode()).decode()


class Line:
    """A connection over TLS from an address; `ask` sends a line and gives one back."""

    def __init__(self, martlet, port, source=None, hello=True):
        raw = socket.create_connection(("127.0.0.1", martlet.ports[port]), 20, (source or fresh(), 0))
        self.socket = martlet.tls.wrap_socket(raw, server_hostname="localhost")
        self.file = self.socket.makefile("rb")
        self.port = port
        self.file.readline()
        if port == "submissions" and hello:
            self.send("EHLO c.test\r\n")
            while not self.file.readline().startswith(b"250 "):
                pass

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def ask(self, line):
        self.send((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        while (answer := self.file.readline()).startswith(b"* "):
            pass
        return answer.decode("latin-1").strip()

    def login(self, name, password):
        """True, or what is said instead."""
        if self.port == "submissions":
            answer = self.ask("AUTH PLAIN " + plain(name, password))
            return answer.startswith("235") or answer
        if self.port == "imaps":
            name = name.encode() if isinstance(name, str) else name
            self.send(b"a LOGIN {%d+}\r\n" % len(name) + name)
            answer = self.ask(" {%d+}\r\n%s" % (len(password), password))
            return answer.startswith("a OK") or answer
        answer = self.ask("AUTH PLAIN " + plain(name, password))
        return answer.startswith("+OK") or answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.socket.close()


PORTS = ["submissions", "imaps", "pop3s"]


def ask_http(martlet, user, password, source=None):
    connection = http.client.HTTPConnection("127.0.0.1", martlet.ports["http"], timeout=20, source_address=(source or fresh(), 0))
    connection.request("POST", "/api/v1/login", json.dumps({"user": user, "password": password}), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, text


# ---------------------------------------------------------------- guessing


@pytest.mark.parametrize("port", PORTS + ["http"])
def test_a_missing_user_cannot_be_told_from_a_wrong_password(martlet, account, port):
    answers, times = {"there": set(), "missing": set()}, {"there": [], "missing": []}
    names = {"there": account.address, "missing": f"no-{uuid.uuid4().hex[:10]}@{martlet.domain}"}
    for number in range(24):
        order = list(names) if number % 2 else list(names)[::-1]
        for kind in order:
            if port == "http":
                begun = time.perf_counter()
                answer = ask_http(martlet, names[kind], "wrong")
            else:
                with Line(martlet, port) as client:
                    begun = time.perf_counter()
                    answer = client.login(names[kind], "wrong")
            times[kind].append(time.perf_counter() - begun)
            answers[kind].add(answer)
    assert answers["there"] == answers["missing"] and len(answers["there"]) == 1 and True not in answers["there"]
    there, missing = (statistics.median(times[kind]) for kind in times)
    # Without the same work for a name that is missing, one would take a fraction of the other.
    assert abs(there - missing) < max(0.002, 0.4 * max(there, missing)), f"{there * 1000:.1f} and {missing * 1000:.1f} ms"


def test_many_guessers_lock_nobody_out(martlet, account, unharmed):
    """From 60 addresses on one account, all at once; its owner logs in from the usual place meanwhile."""
    begun, looked_at, problems, stop = threading.Event(), [], [], threading.Event()

    def guess(port):
        source, count = fresh(), 0
        try:
            for _ in range(8):
                if stop.is_set():
                    break
                with Line(martlet, port, source) as client:
                    for _ in range(2):
                        answer = client.login(account.address, "wrong")
                        begun.set()
                        if answer is True:
                            problems.append("let in")
                        elif "535" in answer or "AUTHENTICATIONFAILED" in answer or "[AUTH]" in answer:
                            count += 1
        except OSError as error:
            problems.append(repr(error))
        looked_at.append(count)

    threads = [threading.Thread(target=guess, args=(port,)) for port in PORTS for _ in range(20)]
    for thread in threads:
        thread.start()
    assert begun.wait(30)
    times = []
    for port in PORTS * 3:
        started = time.monotonic()
        with Line(martlet, port, "127.0.0.1") as client:
            assert client.login(account.address, account.password) is True
        times.append(time.monotonic() - started)
    stop.set()
    for thread in threads:
        thread.join()
    assert not problems, problems[:3]
    assert max(looked_at) <= 11, f"{max(looked_at)} guesses of one address within seconds were looked at"
    # 2 s with 60 guessers at one processor's throat; a lock-out would take minutes.
    assert statistics.median(times) < 2 and max(times) < 10, sorted(times)


def spelt(account):
    local, domain = account.address.split("@")
    return [account.address.upper(), f" {account.address}", f"{account.address} ", f"{account.address}\x01", f"{local}+x@{domain}",
            "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in local) + "@" + domain, f"\u200b{account.address}",
            f"{local}@{domain}.", local, f'"{local}"@{domain}', account.address.encode() + b"\xff", "x" * 10_000]


@pytest.mark.parametrize("port", PORTS)
def test_odd_spellings_of_a_name_are_one_account_or_none(martlet, account, unharmed, port):
    for name in spelt(account):
        with Line(martlet, port) as client:
            outcome = client.login(name, account.password)
            if outcome is True:
                # It is the account that the canonical form names, not another one.
                assert isinstance(name, str) and name.strip().lower().rstrip(".") in (account.address, account.local), name
    with Line(martlet, port) as client:
        client.login(account.address.encode() + b"\0x", account.password)  # one field more than there is
        if port == "imaps":
            with Line(martlet, port) as other:
                assert other.login(account.address.encode() + b"\0x", account.password) is not True


@pytest.mark.parametrize("port", PORTS)
def test_the_limit_of_guesses_does_not_care_how_a_name_is_spelt(martlet, account, port):
    source, looked_at = fresh(), 0
    for name in [name for name in spelt(account) if isinstance(name, str) and len(name) < 100] * 2:
        with Line(martlet, port, source) as client:
            answer = client.login(name, "wrong")
            looked_at += "535" in answer or "AUTHENTICATIONFAILED" in answer or "[AUTH]" in answer
    assert looked_at <= 12


# ---------------------------------------------------------------- exchanges


def descriptors(martlet, daemon):
    return len(os.listdir(f"/proc/{martlet.pid(daemon)}/fd"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may count the descriptors of another process")
def test_exchanges_that_break_off_leave_nothing(martlet, account, unharmed):
    beginnings = {"submissions": "AUTH LOGIN\r\n", "imaps": "a AUTHENTICATE PLAIN\r\n", "pop3s": "AUTH PLAIN\r\n"}
    before = {daemon: descriptors(martlet, daemon) for daemon in ("smtpd", "accessd")}

    def round():
        for port, beginning in beginnings.items():
            for cut in (len(beginning), 4):
                with Line(martlet, port) as client:
                    client.send(beginning[:cut])
    for _ in range(25):
        round()
        with Line(martlet, "imaps", "127.0.0.1") as client:
            assert client.login(account.address, account.password) is True
    deadline = time.monotonic() + 20
    while any(descriptors(martlet, daemon) > before[daemon] + 8 for daemon in before):
        assert time.monotonic() < deadline, {daemon: (before[daemon], descriptors(martlet, daemon)) for daemon in before}
        time.sleep(0.2)


@pytest.mark.parametrize("response", ["=", "A" * 7_000, base64.b64encode(b"\0\0").decode(), base64.b64encode(b"a\0b\0c\0d").decode(), "*", "!!!!", "\xff"])
def test_odd_responses_of_imap(martlet, account, unharmed, response):
    with Line(martlet, "imaps") as client:
        assert client.ask("a AUTHENTICATE PLAIN").startswith("+")
        assert client.ask(response.encode("latin-1")).startswith(("a NO", "a BAD"))
        if response != "*":
            assert client.ask(b"b AUTHENTICATE PLAIN " + response.encode("latin-1")).startswith(("b NO", "b BAD"))
        assert client.login(account.address, account.password) is True


# ---------------------------------------------------------------- where a password turns up


def broker(martlet, method, path, body=None):
    user = martlet.welcome["rabbitmq"]
    request = urllib.request.Request(f"{user['management']}/api/{path}", method=method, data=None if body is None else json.dumps(body).encode())
    request.add_header("Authorization", "Basic " + base64.b64encode(f"{user['user']}:{user['password']}".encode()).decode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=20) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def test_a_password_is_found_nowhere(martlet, unharmed):
    """Said in every way, whole and split, right and wrong, while an admin watches; then looked for wherever it might be."""
    from test_watch_api import API, Stream
    canaries = [f"cAnary{number}x{uuid.uuid4().hex}" for number in range(3)]
    right, wrong, misplaced = canaries
    address = f"canary-{uuid.uuid4().hex[:10]}@{martlet.domain}"
    martlet.cli("account", "add", address, "--password-stdin", input=right)
    broker(martlet, "PUT", "queues/%2F/canary", {"auto_delete": False, "durable": False, "arguments": {"x-expires": 120_000}})
    for exchange in ("martlet.watch", "martlet.mail"):
        broker(martlet, "POST", f"bindings/%2F/e/{exchange}/q/canary", {"routing_key": "#"})
    watching = Stream(API(martlet, martlet.welcome["admin"]["user"], martlet.welcome["admin"]["password"]))
    watching.wait(lambda name, _: name == "hello", "hello")
    time.sleep(1)  # the request to watch travels over the bus

    def encoded(text):
        return base64.b64encode(text.encode()).decode()

    for password in (right, wrong):
        for lines in (["AUTH PLAIN " + plain(address, password)], ["AUTH PLAIN", plain(address, password)],
                      ["AUTH LOGIN", encoded(address), encoded(password)], ["AUTH LOGIN " + encoded(address), encoded(password)],
                      ["AUTH CRAM-MD5", plain(address, password)], ["AUTHX " + password], [password]):
            with Line(martlet, "submissions") as client:
                for line in lines:
                    client.ask(line)
        for lines in ([f'a LOGIN {address} "{password}"'], [f"a LOGIN {address} {{{len(password)}+}}\r\n{password}"],
                      ["a AUTHENTICATE PLAIN " + plain(address, password)], ["a AUTHENTICATE PLAIN", plain(address, password)],
                      [f'a LOGIN {address} "{password}'], [f"a LOGIN {address} {password} x"], [f"a PASS {password}"], [password]):
            with Line(martlet, "imaps") as client:
                for line in lines:
                    client.ask(line)
        for lines in ([f"USER {address}", f"PASS {password}"], ["AUTH PLAIN " + plain(address, password)], ["AUTH PLAIN", plain(address, password)],
                      [f"PASS {password}"], [f"USER {address} {password}"], [f"APOP {address} {password}"], [password]):
            with Line(martlet, "pop3s") as client:
                for line in lines:
                    client.ask(line)
        ask_http(martlet, address, password)
        ask_http(martlet, password, "x")
    # In clear text, where none is taken; and cut at each octet.
    for port, line in (("smtp", "AUTH PLAIN " + plain(address, misplaced)), ("imap", f"a LOGIN {address} {misplaced}"), ("pop3", f"PASS {misplaced}")):
        with socket.create_connection(("127.0.0.1", martlet.ports[port]), 15, (fresh(), 0)) as client:
            client.recv(1000)
            client.sendall((line + "\r\n" + misplaced + "\r\n").encode())
            client.recv(1000)
    whole = "AUTH PLAIN " + plain(address, wrong) + "\r\n"
    sources = [fresh() for _ in range(8)]
    for cut in range(12, len(whole), 3):
        with Line(martlet, "submissions", sources[cut % 8]) as client:
            client.send(whole[:cut])
            client.send(whole[cut:])
            client.file.readline()
    with Line(martlet, "submissions") as client:
        client.ask("AUTH PLAIN " + plain(address, wrong))
        with Line(martlet, "imaps") as last:
            last.ask("a NOOP")
    watching.wait(lambda name, data: name == "line" and "NOOP" in data.get("text", ""), "last line")
    watching.close()
    time.sleep(6)  # the daemons' reports are under way
    messages = broker(martlet, "POST", "queues/%2F/canary/get", {"count": 10_000, "ackmode": "ack_requeue_false", "encoding": "base64"})
    broker(martlet, "DELETE", "queues/%2F/canary")
    assert len(messages) > 20, "the bus was not listened to"
    password = (martlet.data / "secrets" / "postgres.password").read_text()
    port = str(martlet.base + 432)
    dump = subprocess.run(["pg_dump", "-h", "127.0.0.1", "-p", port, "-U", "postgres", "--exclude-table-data=body_chunk", "--exclude-table-data=model",
                           "--exclude-table-data=learn_*", "martlet"], env={**os.environ, "PGPASSWORD": password}, capture_output=True, timeout=120)
    assert dump.returncode == 0 and address.encode() in dump.stdout, dump.stderr
    places = {
        "the live view": watching.raw, "the metrics": martlet.http("/metrics")[1].encode(), "the database": dump.stdout,
        "the broker": b"".join(base64.b64decode(one["payload"]) for one in messages),
        "the file of settings": (martlet.data / "martlet.yaml").read_bytes(),
        **{f"the log of {path.parent.name}": path.read_bytes() for path in (martlet.data / "log").glob("*/current")},
    }
    for canary in canaries:
        for place, content in places.items():
            for text in spellings(canary):
                if (at := content.find(text.encode())) >= 0:
                    pytest.fail(f"{text} is in {place}: {content[max(0, at - 200):at + 60]}")


def test_what_a_fresh_system_keeps_of_secrets(martlet):
    rows = martlet.sql("SELECT scram FROM account WHERE scram IS NOT NULL UNION ALL SELECT scram FROM watch_admin")
    salts = set()
    for [verifier] in rows:
        kind, work, keys = verifier.split("$")
        rounds, salt = work.split(":")
        assert kind == "SCRAM-SHA-256" and int(rounds) >= 4096 and len(base64.b64decode(salt)) >= 16
        stored, server = keys.split(":")
        assert len(base64.b64decode(stored)) == len(base64.b64decode(server)) == 32
        salts.add(salt)
    assert len(salts) == len(rows), "two verifiers share their salt"
    [[key]] = martlet.sql("SELECT encode(private_key, 'hex') FROM watch_key")
    assert len(key) == 64 and len(set(key)) > 8
    for name in ("admin", "root", "postmaster", "test"):
        for password in ("", name, "admin", "password", "martlet", "changeme"):
            assert ask_http(martlet, name, password)[0] in (400, 401)
    for path in (martlet.data / "tls").glob("*.key"):
        assert path.stat().st_mode & 0o077 == 0, path
    shown = martlet.cli("config", "show").stdout
    for secret in (martlet.data / "secrets").glob("*.password"):
        assert secret.read_text().strip() not in shown, f"{secret.name} is shown"
