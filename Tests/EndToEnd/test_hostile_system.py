"""What one program may do if somebody takes it over, and what it does with what the bus, the DNS and the disk bring."""
import json, os, pathlib, re, shutil, socket, ssl, struct, subprocess, threading, time, uuid
import pytest
from conftest import DAEMONS, message
from imap_client import Imap
from test_hostile_auth import Line, broker
from test_smtp_hostile import Peer

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="the programs have users of their own only when root starts them")


def token():
    return "t" + uuid.uuid4().hex[:12]


# ---------------------------------------------------------------- rights: the database


@pytest.fixture(scope="module")
def as_role(martlet):
    """SQL as a daemon's own role: what it says or, as a string, why not."""
    port = str(martlet.base + 432)

    def run(daemon, query):
        password = (martlet.data / "secrets" / f"{daemon}.password").read_text().strip()
        done = subprocess.run(["psql", "-X", "-At", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", port, "-U", f"martlet_{daemon}", "-d", "martlet",
                               "-c", query], env={**os.environ, "PGPASSWORD": password}, capture_output=True, text=True, timeout=30)
        return done.stdout.split() if done.returncode == 0 else done.stderr

    return run


def may(martlet, privilege, table, column=None):
    """The daemons whose role has it, on the table or on any (or that) column."""
    asked = f"has_column_privilege(r, '{table}', '{column}', '{privilege}')" if column else (
        f"has_table_privilege(r, '{table}', '{privilege}')" if privilege == "DELETE" else
        f"has_any_column_privilege(r, '{table}', '{privilege}')")
    rows = martlet.sql(f"SELECT d FROM unnest(ARRAY{DAEMONS}) d, LATERAL (SELECT 'martlet_' || d AS r) x WHERE {asked}")
    return {row[0] for row in rows}


def test_each_role_reads_and_writes_what_its_arrows_need(martlet):
    # Who may read secrets and other people's words.
    assert may(martlet, "SELECT", "account", "scram") == {"smtpd", "accessd", "watchd"}
    assert may(martlet, "SELECT", "watch_admin", "scram") == {"watchd"}
    assert may(martlet, "SELECT", "watch_key", "private_key") == {"watchd"}
    assert may(martlet, "SELECT", "domain_key", "private_key") == {"relayd"}
    assert may(martlet, "SELECT", "body_chunk", "bytes") == {"classifyd", "filerd", "accessd", "relayd"}
    assert "smtpd" not in may(martlet, "SELECT", "mailbox") | may(martlet, "SELECT", "mailbox_message") | may(martlet, "SELECT", "verdict")
    assert may(martlet, "SELECT", "mail", "summary") & {"smtpd"} == set() and may(martlet, "SELECT", "mail", "mail_id") >= {"smtpd"}
    assert "smtpd" not in may(martlet, "SELECT", "recipient") | may(martlet, "SELECT", "mail_event")
    # Who may change accounts, keys, and the past: nobody.
    for table in ("account", "domain", "alias", "domain_key", "watch_admin", "installation"):
        for privilege in ("INSERT", "UPDATE", "DELETE"):
            assert may(martlet, privilege, table) == set(), (privilege, table)
    for privilege in ("UPDATE", "DELETE"):
        assert may(martlet, privilege, "mail_event") == set()
    assert may(martlet, "DELETE", "mail") <= {"filerd"} and may(martlet, "UPDATE", "mail") == set()
    assert may(martlet, "DELETE", "mailbox_message") == {"filerd", "accessd"}
    assert may(martlet, "UPDATE", "body_chunk") == set() and may(martlet, "DELETE", "body_chunk") == {"filerd"}
    assert may(martlet, "INSERT", "model") == {"classifyd"}
    # No table is anybody's who is not named, and no role owns one or may become another.
    assert martlet.sql("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'S') "
                       "AND (pg_get_userbyid(relowner) <> 'martlet_owner' OR relacl::text ~ '[{,]=')") == []
    assert martlet.sql("SELECT m.rolname FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member WHERE m.rolname LIKE 'martlet\\_%' "
                       "AND m.rolname <> 'martlet_owner'") == []
    assert martlet.sql("SELECT rolname FROM pg_roles WHERE rolname LIKE 'martlet\\_%' AND rolname <> 'martlet_owner' "
                       "AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls)") == []


@pytest.mark.parametrize("daemon", DAEMONS)
def test_a_role_gets_no_further(martlet, as_role, daemon):
    assert as_role(daemon, "SELECT current_user") == [f"martlet_{daemon}"]
    for query in ("CREATE TABLE mine (n int)", "CREATE SCHEMA mine", "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP TABLE mail",
                  "TRUNCATE mail", "ALTER ROLE martlet_owner PASSWORD 'x'", "SET ROLE martlet_owner", "SELECT pg_read_file('/etc/passwd')",
                  "COPY (SELECT 1) TO PROGRAM 'true'", "COPY account TO '/tmp/x'", "SELECT rolpassword FROM pg_authid", "SELECT lo_import('/etc/passwd')",
                  "ALTER SYSTEM SET log_statement = 'all'", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'postgres'",
                  "CREATE EXTENSION dblink", "LOAD 'auto_explain'", "UPDATE account SET scram = ''", "DELETE FROM mail_event", "DELETE FROM account"):
        answer = as_role(daemon, query)
        assert isinstance(answer, str) and re.search("permission denied|must be|superuser|not allowed|privilege", answer), (query, answer)


def test_what_the_entrance_may_see(martlet, as_role, account):
    """smtpd: addresses, verifiers, the ids of mails; no word of any of them."""
    martlet.send(account.address, message("Not for the entrance"))
    assert as_role("smtpd", f"SELECT address FROM account WHERE address = '{account.address}'") == [account.address]
    for query in ("SELECT bytes FROM body_chunk LIMIT 1", "SELECT summary FROM mail LIMIT 1", "SELECT envelope_from FROM mail LIMIT 1", "SELECT * FROM recipient LIMIT 1",
                  "SELECT * FROM mailbox_message LIMIT 1", "SELECT * FROM mailbox LIMIT 1", "SELECT private_key FROM domain_key", "SELECT * FROM verdict LIMIT 1",
                  "SELECT private_key FROM watch_key", "DELETE FROM work", "UPDATE work SET parked_at = now()", "DELETE FROM mail"):
        assert "permission denied" in str(as_role("smtpd", query)), query


# ---------------------------------------------------------------- rights: the bus


def test_each_user_of_the_bus_has_its_arrows(martlet):
    """By the rules that the broker itself has, as it applies them."""
    rules = {entry["user"]: entry for entry in broker(martlet, "GET", "permissions")}
    topics = {(entry["user"], entry["exchange"]): entry for entry in broker(martlet, "GET", "topic-permissions")}
    users = {entry["name"]: entry for entry in broker(martlet, "GET", "users")}
    queues = ["mail.classify", "mail.file", "mail.relay", "mail.learn", "mail.parked"]
    fits = lambda pattern, name: re.search(pattern, name) is not None
    reads = {daemon: {queue for queue in queues if fits(rules[f"martlet_{daemon}"]["read"], queue)} for daemon in DAEMONS}
    assert reads == {"smtpd": set(), "classifyd": {"mail.classify", "mail.learn"}, "filerd": {"mail.file"}, "relayd": {"mail.relay"}, "accessd": set(), "watchd": set()}
    keys = ["mail.accepted", "mail.classified", "relay.requested", "learn.requested", "mail.other", "#"]

    def publishes(daemon):
        if not fits(rules[f"martlet_{daemon}"]["write"], "martlet.mail"):
            return set()
        return {key for key in keys if fits(topics[(f"martlet_{daemon}", "martlet.mail")]["write"], key)}

    every = {"mail.accepted", "mail.classified", "relay.requested"}
    assert {daemon: publishes(daemon) for daemon in DAEMONS} == {
        "smtpd": {"mail.accepted"}, "classifyd": {"mail.classified", "relay.requested"}, "filerd": every, "relayd": every,
        "accessd": {"learn.requested"}, "watchd": set()}
    for daemon in DAEMONS:
        rule = rules[f"martlet_{daemon}"]
        for name in queues + ["martlet.mail", "martlet.watch", "amq.direct", "amq.default", "other"]:
            assert not fits(rule["configure"], name), (daemon, name)
        for name in queues + ["amq.direct", "amq.topic", "amq.default"]:
            assert not fits(rule["write"], name), (daemon, name)
        assert users[f"martlet_{daemon}"]["tags"] in ([], "", [""])
        for (user, exchange), topic in topics.items():
            if user == f"martlet_{daemon}" and exchange == "martlet.watch":
                assert fits(topic["write"], f"daemon.{daemon}") and not any(fits(topic["write"], f"daemon.{other}") for other in DAEMONS if other != daemon)
    assert "guest" not in users


# ---------------------------------------------------------------- rights: the machine


@as_root
def test_the_users_of_the_programs_reach_nothing_of_each_other(martlet):
    """As the user that a daemon runs as: no password, no key but the certificate's, no binary, no other process, no low port."""
    status = pathlib.Path(f"/proc/{martlet.pid('smtpd')}/status").read_text()
    uid, gid = (int(re.search(rf"{kind}:\t(\d+)", status).group(1)) for kind in ("Uid", "Gid"))
    assert uid != 0 and gid != 0 and re.search(r"CapEff:\t0{16}\n", status) and re.search(r"CapPrm:\t0{16}\n", status)

    def attempt(script):
        return subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={gid}", "--init-groups", "--", "bash", "-c", script],
                              capture_output=True, text=True, timeout=20)

    assert attempt("true").returncode == 0
    closed = ["secrets/postgres.password", "secrets/owner.password", "secrets/account.alice", "secrets/definitions.json", "services/.accessd.env/MARTLET_POSTGRES_URL",
              "services/.smtpd.env/MARTLET_POSTGRES_URL", "tls/ca.key", "postgres/PG_VERSION"]
    for path in closed:
        assert (martlet.data / path).exists(), path
        assert attempt(f"cat {martlet.data / path}").returncode != 0, path
    assert attempt(f"cat {martlet.home / 'welcome.json'}").returncode != 0 and attempt(f"cat {martlet.home / 'martlet'}").returncode != 0
    for place in (martlet.data / "bin", martlet.data / "bin" / "martlet-smtpd", martlet.data / "services", martlet.data / "services" / "smtpd" / "run",
                  martlet.data / "tls", martlet.data / "martlet.yaml", martlet.data / "share"):
        assert attempt(f"test -w {place}").returncode != 0, place
    for daemon in DAEMONS:
        pid = martlet.pid(daemon)
        for file in ("environ", "mem", "maps", "fd/0"):
            assert attempt(f"cat /proc/{pid}/{file} | head -c 1 | grep -q .").returncode != 0, f"{file} of {daemon}"
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"Max core file size\s+0\s+0\s", limits), "a core would hold mail and passwords"
        if shutil.which("gdb"):
            assert "ptrace: Operation not permitted" in attempt(f"gdb -p {pid} -batch -nx 2>&1 | cat").stdout
    if int(pathlib.Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) > 25:
        assert attempt("python3 -c 'import socket; socket.create_server((\"127.0.9.9\", 25))'").returncode != 0


# ---------------------------------------------------------------- SQL


def test_what_comes_from_outside_is_in_no_statement(martlet, account, unharmed):
    """The database logs every statement, without its parameters: the marker of all those fields is in none."""
    marker = "inj" + uuid.uuid4().hex[:8]
    texts = [f"{marker}'/**/UNION/**/SELECT/**/'1'--", f"{marker}\\", f"{marker}$1", f"{marker}%_", f"{marker}\"; DROP TABLE mail; --"]
    raw = [marker.encode() + b"\xbf\x27", marker.encode() + b"\xc0\x27 OR 1=1", marker.encode() + b"\xbf\x5c\x27"]
    log = martlet.data / "log" / "postgres" / "current"
    settings = {"log_statement": "'all'", "log_parameter_max_length": "0", "log_parameter_max_length_on_error": "0"}
    for name, value in settings.items():
        martlet.sql(f"ALTER SYSTEM SET {name} = {value}")
    martlet.sql("SELECT pg_reload_conf()")
    try:
        time.sleep(0.5)
        written = log.stat().st_size
        for text in [text.encode() for text in texts] + raw:
            client = Peer(martlet, source="127.0.9.20")
            for line in (b"EHLO " + text, b"EHLO c.test", b'MAIL FROM:<"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"@remote.test>', b"MAIL FROM:<a@b.test>",
                         b"RCPT TO:<" + text + b"@example.test>", b'RCPT TO:<"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"@example.test>',
                         b"RCPT TO:<" + account.address.encode() + b">"):
                client.send(line + b"\r\n").reply()
            assert client.say("DATA").startswith("354")
            assert client.send(b"Subject: " + text + b"\r\nFrom: " + text + b" <a@b.test>\r\nMessage-ID: <" + text + b">\r\n\r\n" + text + b"\r\n.\r\n").reply().startswith("250")
            client.close()
            with Imap(martlet, account) as client:
                for command in ("CREATE", "SELECT", "SUBSCRIBE", "DELETE", 'LIST ""', "STATUS"):
                    client.command(command.encode() + b" {%d+}\r\n" % len(text) + text + (b" (MESSAGES)" if command == "STATUS" else b""))
                client.ok("SELECT INBOX")
                for key in ("SUBJECT", "BODY", "FROM", "HEADER X-Y", "KEYWORD"):
                    client.command(b"SEARCH " + key.encode() + b" {%d+}\r\n" % len(text) + text)
                client.command(b"STORE 1 +FLAGS (" + text.split(b"'")[0].split(b"\\")[0].split(b"%")[0].split(b'"')[0] + b")")
                client.append("INBOX", b"Subject: " + text + b"\r\n\r\nx\r\n")
            for port in ("imaps", "pop3s", "submissions"):
                with Line(martlet, port) as client:
                    client.login(text, marker)
            quoted = "".join(f"%{octet:02X}" for octet in text)
            for path in (f"/api/v1/mails?before={quoted}&limit={quoted}", f"/api/v1/mails/{quoted}", f"/page/{quoted}"):
                martlet.http(path)
        martlet.send(account.address, message("sentinel-" + marker))
        martlet.wait_mail(account, "sentinel-" + marker, mailbox=None)
        with open(log, "rb") as file:
            file.seek(min(written, log.stat().st_size))
            said = file.read()
    finally:
        for name in settings:
            martlet.sql(f"ALTER SYSTEM RESET {name}")
        martlet.sql("SELECT pg_reload_conf()")
    statements = [line for line in said.splitlines() if b"martlet_" in line and b"execute" in line]
    assert len(statements) > 50, "the statements were not logged"
    assert marker.encode() not in said, [line for line in said.splitlines() if marker.encode() in line][:3]
    assert b"syntax error" not in said and martlet.sql("SELECT count(*) >= 0 FROM mail") == [["t"]]


# ---------------------------------------------------------------- the bus


def test_nonsense_on_the_bus_is_set_aside_and_the_rest_goes_on(martlet, account, unharmed):
    def depth(queue):
        return broker(martlet, "GET", f"queues/%2F/{queue}").get("messages", 0)

    stranger = str(uuid.uuid4())
    hint = lambda **change: json.dumps({"schema": "mail.accepted", "version": 1, "mails": [{"id": stranger, "traceparent": "x"}], **change})
    payloads = ["", "null", "[]", "{}", "\0" * 100, "[" * 100_000, '{"a":' * 50_000, "A" * 4_000_000, hint(version=99), hint(version="1"), hint(schema="other"),
                hint(mails=[]), hint(mails=[{"id": "x"}]), hint(mails=[{"id": stranger}] * 20_000), hint(mails="x"), json.dumps({"mails": [1e999]})]
    before = depth("mail.parked")
    for key in ("mail.accepted", "mail.classified", "relay.requested", "learn.requested"):
        for payload in payloads:
            broker(martlet, "POST", "exchanges/%2F/martlet.mail/publish",
                   {"properties": {}, "routing_key": key, "payload": payload.replace("mail.accepted", key), "payload_encoding": "string"})
    for exchange in ("martlet.mailbox", "martlet.model", "martlet.watch"):
        for payload in payloads:
            broker(martlet, "POST", f"exchanges/%2F/{exchange}/publish",
                   {"properties": {}, "routing_key": "daemon.smtpd", "payload": payload, "payload_encoding": "string"})
    subject = token()
    martlet.send(account.address, message(subject))
    martlet.wait_mail(account, subject, mailbox=None)
    deadline = time.monotonic() + 30
    queues = ("mail.classify", "mail.file", "mail.relay", "mail.learn")
    while any(depth(queue) for queue in queues) or depth("mail.parked") < before + 20:
        assert time.monotonic() < deadline, {queue: depth(queue) for queue in (*queues, "mail.parked")}
        time.sleep(0.5)
    assert martlet.sql(f"SELECT count(*) FROM mail WHERE mail_id = '{stranger}'") == [["0"]]
    assert unharmed.records("filerd", msg="a hint was unreadable and is parked")


# ---------------------------------------------------------------- TLS


PORTS = {"smtp": ["-starttls", "smtp"], "submission": ["-starttls", "smtp"], "submissions": [], "imap": ["-starttls", "imap"], "imaps": [],
         "pop3": ["-starttls", "pop3"], "pop3s": []}
WEAK = [["-tls1"], ["-tls1_1"], ["-tls1_2", "-cipher", "ECDHE+SHA:RSA+AES:3DES:RC4:@SECLEVEL=0"], ["-tls1_2", "-cipher", "AES256-SHA256:@SECLEVEL=0"],
        ["-tls1_2", "-cipher", "aNULL:eNULL:@SECLEVEL=0"]]


@pytest.mark.parametrize("port", PORTS)
def test_only_modern_tls_on_every_port(martlet, unharmed, port):
    def talk(*options, say=""):
        return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{martlet.ports[port]}", *PORTS[port], *options], input=say,
                              capture_output=True, text=True, timeout=20)

    for weak in WEAK:
        answer = talk(*weak)
        assert "Cipher is (NONE)" in answer.stdout or answer.returncode != 0, (weak, answer.stdout)
    for version in ("-tls1_2", "-tls1_3"):
        answer = talk(version, "-brief")
        assert re.search(r"Ciphersuite: (ECDHE-.*(GCM|POLY1305)|TLS_)", answer.stderr + answer.stdout), (version, answer.stderr)
    answer = talk("-tls1_2", say="R\n")
    assert "RENEGOTIATING" in answer.stdout + answer.stderr and not re.search(r"RENEGOTIATING\s+depth=0", answer.stdout + answer.stderr)
    assert re.search(r"Compression: NONE", talk("-tls1_2").stdout)


@pytest.fixture
def certificate(martlet):
    """`certificate(chain, key)` replaces the files in place; at the end they are the old ones."""
    files = martlet.data / "tls" / "server.pem", martlet.data / "tls" / "server.key"
    old = [file.read_bytes() for file in files]

    def replace(*new):
        for file, content in zip(files, new):
            file.write_bytes(content)
            os.utime(file, (time.time() + 1, time.time() + 1))

    yield replace
    replace(*old)
    deadline = time.monotonic() + 15
    while shown(martlet, "imaps") != shown_in(old[0]) or shown(martlet, "submissions") != shown_in(old[0]):
        assert time.monotonic() < deadline, "the old certificate is not back"
        time.sleep(0.3)


def shown(martlet, port):
    with martlet.socket(port) as plain:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(plain) as client:
            return client.getpeercert(binary_form=True)


def shown_in(chain):
    return ssl.PEM_cert_to_DER_cert(chain.decode().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n")


def make(path, days="2"):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(path / "k"), "-out", str(path / "c"),
                    "-subj", "/CN=localhost", "-days", days], check=True, capture_output=True)
    return (path / "c").read_bytes(), (path / "k").read_bytes()


def test_a_certificate_changes_under_running_sessions_and_a_bad_one_does_not(martlet, account, unharmed, certificate, tmp_path):
    sessions = [Imap(martlet, account) for _ in range(60)]
    mail = martlet.smtp("submission", account)
    old = shown(martlet, "imaps")
    chain, key = make(tmp_path)
    other, _ = make(tmp_path)
    for new in ((chain[:len(chain) // 2], key), (other, key), (chain, key[:50])):
        certificate(*new)
        time.sleep(2.2)  # looked for at most every two seconds
        for port in ("imaps", "submissions"):
            assert shown(martlet, port) == old
    for daemon in ("accessd", "smtpd"):
        assert unharmed.wait_record(daemon, reason="certificate_bad")[0]["level"] == "error"
        assert "PRIVATE KEY" not in unharmed.log(daemon)
    certificate(chain, key)
    deadline = time.monotonic() + 15
    while {shown(martlet, port) for port in ("imaps", "submissions", "pop3s")} != {shown_in(chain)}:
        assert time.monotonic() < deadline, "the new certificate is not in use"
        time.sleep(0.2)
    for session in sessions:
        session.ok("NOOP")
        session.socket.close()
    assert mail.noop()[0] == 250
    mail.quit()


# ---------------------------------------------------------------- DNS


class NameServer:
    """Answers over UDP (and TCP, the same) what a script makes of each question."""

    def __init__(self, script):
        self.script, self.asked = script, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.tcp = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self.serve, daemon=True).start()
        threading.Thread(target=self.serve_tcp, daemon=True).start()

    def answers(self, query):
        end = query.index(b"\0", 12) + 5
        name, kind = query[12:end - 4], struct.unpack(">H", query[end - 4:end - 2])[0]
        labels, at = [], 0
        while name[at]:
            labels.append(name[at + 1:at + 1 + name[at]].decode("latin-1").lower())
            at += name[at] + 1
        self.asked.append((".".join(labels), kind))
        return self.script(query[:2], query[12:end], ".".join(labels), kind)

    def serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(4096)
                for answer in self.answers(query):
                    self.socket.sendto(answer[:1400] if len(answer) < 60_000 else answer[:60_000], peer)
            except (OSError, ValueError, IndexError):
                if self.socket.fileno() < 0:
                    return

    def serve_tcp(self):
        while True:
            try:
                client, _ = self.tcp.accept()
                with client:
                    client.settimeout(2)
                    query = client.recv(4096)[2:]
                    for answer in self.answers(query):
                        client.sendall(struct.pack(">H", len(answer) & 0xFFFF) + answer)
            except (OSError, ValueError, IndexError):
                if self.tcp.fileno() < 0:
                    return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.tcp.close()


A, CNAME, SOA, MX, TXT, AAAA = 1, 5, 6, 15, 16, 28


def encode(name):
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in name.split(".") if label) + b"\0"


def record(name, kind, data, ttl=60, length=None):
    name = name if isinstance(name, bytes) else encode(name)
    return name + struct.pack(">HHIH", kind, 1, ttl, len(data) if length is None else length) + data


def answer(identity, question, *records, flags=0x8180, counts=None):
    return identity + struct.pack(">HHHHH", flags, 1, *(counts or (len(records), 0, 0))) + question + b"".join(records)


def address(text):
    return socket.inet_aton(text)


def hostile(identity, question, name, kind):
    """Each name misbehaves in its own way; none of them ever leads to the trap's address but by a lie."""
    lie = record(question[:-4], A, address("127.0.1.66"))
    if name.startswith("id."):
        return [answer(bytes([identity[0] ^ 1, identity[1]]), question, record("id.evil.example", MX, b"\0\1" + encode("trap.evil.example")))]
    if name.startswith("question."):
        return [answer(identity, encode("other.test") + question[-4:], record("question.evil.example", MX, b"\0\1" + encode("trap.evil.example")))]
    if name.startswith("loop."):
        return [answer(identity, question, b"\xc0\x0c" + struct.pack(">HHIH", MX, 1, 60, 4) + b"\0\1\xc0" + bytes([len(question) + 12 + 12]))]
    if name.startswith("self."):
        return [identity + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + b"\xc0\x0c" + question[-4:] + lie]
    if name.startswith("long."):
        return [answer(identity, question, record("long.evil.example", MX, b"\0\1" + encode("trap.evil.example"), length=60_000))]
    if name.startswith("counts."):
        return [answer(identity, question, record("counts.evil.example", MX, b"\0\1" + encode("trap.evil.example")), counts=(65_535, 65_535, 65_535))]
    if name.startswith("chain") and kind in (MX, A, AAAA):
        number = int(re.match(r"chain(\d*)", name)[1] or 0)
        return [answer(identity, question, record(name, CNAME, encode(f"chain{number + 1}.evil.example")))]
    if name.startswith("many.") and kind == MX:
        return [answer(identity, question, *[record("many.evil.example", MX, struct.pack(">H", n) + encode(f"h{n}.evil.example")) for n in range(40)])]
    if name.startswith("bailiwick."):
        return [answer(identity, question, record("bailiwick.evil.example", MX, b"\0\1" + encode("gone.evil.example")), record("good.example", A, address("127.0.1.66"), ttl=2**31 - 1),
                       record("trap.evil.example", A, address("127.0.1.66")), counts=(1, 0, 2))]
    if name.startswith("short."):
        return [b"", identity, identity + b"\x81\x80", answer(identity, question)[:-3]]
    if name.startswith("truncated."):
        return [answer(identity, question, flags=0x8380)]
    if name.startswith("ttl.") and kind == MX:
        return [answer(identity, question, record("ttl.evil.example", MX, b"\0\1" + encode("trap.evil.example"), ttl=2**32 - 1))]
    if name == "trap.evil.example":
        return [answer(identity, question, lie)] if kind == A else [answer(identity, question)]
    return [answer(identity, question, flags=0x8183)]


@as_root
def test_hostile_answers_of_the_dns_lead_nowhere(martlet, account, unharmed):
    """relayd asks a name server that lies: wrong ids and questions, loops of pointers, lengths that lie, chains, strangers' records."""
    folder = martlet.data / "services" / ".relayd.env"
    zone, forwarders = folder / "MARTLET_DNS_ZONE_FILE", folder / "MARTLET_DNS_FORWARDERS"
    if not zone.exists():
        pytest.skip("the system was not started with a zone file and MARTLET_RELAY_PORT")
    kept = zone.read_text()
    port = int((folder / "MARTLET_RELAY_PORT").read_text())
    names = [f"{kind}.evil.example" for kind in ("id", "question", "loop", "self", "long", "counts", "chain", "many", "bailiwick", "short", "truncated")]
    names.append("good.example")  # of which one of them told an address
    with NameServer(hostile) as server, socket.create_server(("127.0.1.66", port)) as trap:
        try:
            zone.write_text("")
            forwarders.write_text(f"127.0.0.1@{server.port}")
            martlet.sv("restart", "relayd")
            martlet.wait_ready()
            unharmed.pids["relayd"] = pid = martlet.pid("relayd")
            memory = martlet.rss("relayd")
            mails = []
            with martlet.smtp("submission", account) as client:
                for name in names:
                    client.mail(account.address)
                    assert client.rcpt(f"u@{name}")[0] == 250
                    code, text = client.data(message(token(), sender=f"A <{account.address}>"))
                    assert code == 250
                    mails.append(text.decode().split()[1])
            deadline = time.monotonic() + 30
            while any(martlet.sql(f"SELECT count(*) FROM mail_event WHERE mail_id = '{mail}' AND event IN ('deferred', 'undeliverable')") == [["0"]] for mail in mails):
                assert time.monotonic() < deadline, [martlet.cli("trace", mail).stdout for mail in mails]
                time.sleep(0.3)
            trap.settimeout(0.2)
            with pytest.raises(TimeoutError):
                trap.accept()
            assert martlet.pid("relayd") == pid and martlet.rss("relayd") - memory < 30
            assert {name for name, _ in server.asked} >= set(names)
            chains = sum(name.startswith("chain") for name, _ in server.asked)
            assert chains < 200 and len(server.asked) < 2_000, (chains, len(server.asked))
            if not os.path.exists("/usr/share/dns/root.key"):  # with it, what is not signed is no truth
                # What is true leads there, with the longest of lives: so a lie that was believed would have, too.
                with martlet.smtp("submission", account) as client:
                    client.sendmail(account.address, ["u@ttl.evil.example"], message(token(), sender=f"A <{account.address}>"))
                trap.settimeout(20)
                trap.accept()[0].close()
        finally:
            zone.write_text(kept)
            forwarders.unlink(missing_ok=True)
            martlet.sv("restart", "relayd")
            martlet.wait_ready()
            unharmed.pids["relayd"] = martlet.pid("relayd")
