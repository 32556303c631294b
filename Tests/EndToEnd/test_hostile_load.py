"""Clients that take time, connections, memory or processor: on every port, at once, while honest ones are served (`unharmed`)."""
import os, pathlib, socket, ssl, threading, time, uuid
import pytest
from conftest import message
from imap_client import Imap
from test_config import config, wait_log
from test_hostile_auth import descriptors
from test_smtp_hostile import Peer

PORTS = {"smtp": "smtpd", "submission": "smtpd", "submissions": "smtpd", "imap": "accessd", "imaps": "accessd", "pop3": "accessd", "pop3s": "accessd"}
START = {"smtp": b"EHLO x\r\nSTARTTLS\r\n", "submission": b"EHLO x\r\nSTARTTLS\r\n", "imap": b"a STARTTLS\r\n", "pop3": b"STLS\r\n"}


def addresses(net, count, hosts=200):
    return [f"127.0.{net}.{number % hosts + 1}" for number in range(count)]


def connect(martlet, port, source, seconds=20):
    return socket.create_connection(("127.0.0.1", martlet.ports[port]), seconds, (source, 0))


def until(client, end):
    """Reads to that text; what came."""
    data = b""
    while end not in data and (piece := client.recv(65536)):
        data += piece
    return data


def wait_closed(clients, seconds):
    """Waits until the server has closed all of them; those that it has not."""
    deadline, open_ = time.monotonic() + seconds, list(clients)
    for client in open_:
        client.setblocking(False)
    while open_ and time.monotonic() < deadline:
        left = []
        for client in open_:
            try:
                if client.recv(65536) != b"":
                    left.append(client)
            except (BlockingIOError, ssl.SSLWantReadError):
                left.append(client)
            except OSError:
                pass  # reset, which is closed too
        open_ = left
        time.sleep(0.1)
    return open_


def settled(martlet, before, seconds=20):
    deadline = time.monotonic() + seconds
    while any(descriptors(martlet, daemon) > count + 10 for daemon, count in before.items()):
        assert time.monotonic() < deadline, {daemon: (count, descriptors(martlet, daemon)) for daemon, count in before.items()}
        time.sleep(0.2)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may count the descriptors of another process")


@needs_root
def test_who_trickles_is_cut_off_and_holds_nothing(martlet, account, config, unharmed):
    """200 clients with an octet every half second in a command, in DATA, in AUTH and in a literal, and with handshakes that
    never end. The limits are two seconds here; a handshake has its own ten."""
    limits = "smtp:\n  command_timeout: 2s\n  slow_data: 2s\n{}imap:\n  command_timeout: 2s\npop3:\n  command_timeout: 2s\n"
    for daemon in ("smtpd", "accessd"):
        after = config(limits.format(""), daemon)
        wait_log(martlet, daemon, "settings reloaded", after)
    before = {daemon: descriptors(martlet, daemon) for daemon in ("smtpd", "accessd")}
    dripping, silent = [], []
    for number, source in enumerate(addresses(60, 80)):
        client = connect(martlet, "smtp", source)
        until(client, b"\n")
        if number % 2:
            client.sendall(f"EHLO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<{account.address}>\r\nDATA\r\n".encode())
            until(client, b"354")
        dripping.append(client)
    for number, source in enumerate(addresses(61, 80)):
        client = connect(martlet, ("imap", "pop3")[number % 2], source)
        until(client, b"\n")
        if number % 4 == 0:
            client.sendall(b"a LOGIN {60}\r\n")
            until(client, b"+")
        dripping.append(client)
    for source in addresses(62, 20):
        client = martlet.tls.wrap_socket(connect(martlet, "submissions", source), server_hostname="localhost")
        until(client, b"220")
        client.sendall(b"EHLO c.test\r\nAUTH LOGIN\r\n")
        until(client, b"334")
        dripping.append(client)
    for port in PORTS:
        for source in addresses(63, 10):
            client = connect(martlet, port, source)
            if port in START:
                client.sendall(START[port])  # behind the greeting or before it: none of these is answered then
                until(client, b"\n")
            client.sendall(b"\x16")
            silent.append(client)

    stop = threading.Event()

    def drip():
        while not stop.wait(0.5):
            for client in dripping:
                try:
                    client.send(b"x")
                except (OSError, ValueError):
                    pass

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        assert wait_closed(dripping, 25) == []
        assert wait_closed(silent, 25) == []
    finally:
        stop.set()
        thread.join()
        for client in dripping + silent:
            client.close()
    settled(martlet, before)
    reasons = {record.get("reason") for daemon in before for record in unharmed.records(daemon)}
    assert {"timeout", "slow_data", "tls_failed"} <= reasons


@needs_root
@pytest.mark.parametrize("port, answer", [("smtp", b"220"), ("imap", b"* OK"), ("pop3", b"+OK")])
def test_a_thousand_connections_of_many_addresses_keep_nobody_out(martlet, unharmed, port, answer):
    daemon = PORTS[port]
    before, memory = {daemon: descriptors(martlet, daemon)}, martlet.rss(daemon)
    clients = [connect(martlet, port, source) for source in addresses(64, 1000)]
    assert all(until(client, b"\n").startswith(answer) for client in clients)
    grown = martlet.rss(daemon) - memory
    for client in clients:
        client.close()
    assert grown < 64, f"{grown:.0f} MiB for 1,000 connections"
    settled(martlet, before)


@pytest.mark.parametrize("port, said", [("smtp", b"NOOP\r\n"), ("imap", b"a NOOP\r\n"), ("pop3", b"CAPA\r\n"), ("imap", b"x\r\n")])
def test_a_flood_of_commands_ends_or_is_answered_in_little_memory(martlet, unharmed, port, said):
    memory = martlet.rss(PORTS[port])
    client = connect(martlet, port, "127.0.65.1", 3)
    try:
        for _ in range(200):
            client.sendall(said * 1000)  # and nothing is read
    except OSError:
        pass  # closed, or taken no further
    assert martlet.rss(PORTS[port]) - memory < 16
    client.close()


@pytest.mark.parametrize("size", ["2147483647", "1000000000+"])
def test_an_announced_size_reserves_nothing(martlet, unharmed, size):
    clients = []
    for source in addresses(66, 200, hosts=4):
        client = martlet.tls.wrap_socket(connect(martlet, "imaps", source), server_hostname="localhost")
        until(client, b"\n")
        clients.append(client)
    before = martlet.rss("accessd")
    for client in clients:
        client.sendall(f"a LOGIN {{{size}}}\r\n".encode())
    assert all(b" BAD" in until(client, b"\n") for client in clients)
    grown = martlet.rss("accessd") - before
    for client in clients:
        client.close()
    assert grown < 200 * 8 / 1024 + 2, f"{grown:.1f} MiB for 200 announcements"


# ---------------------------------------------------------------- what a reader may ask for


def cpu(martlet, daemon):
    fields = pathlib.Path(f"/proc/{martlet.pid(daemon)}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_wild_patterns_over_five_thousand_mailboxes(martlet, account, unharmed):
    martlet.sql(f"INSERT INTO mailbox (account_id, name, uidvalidity) SELECT account_id, 'box-' || n || '/' || repeat('x', 60), 1 "
                f"FROM account, generate_series(1, 5000) n WHERE address = '{account.address}'")
    with Imap(martlet, account, timeout=60) as client:
        before, begun = cpu(martlet, "accessd"), time.monotonic()
        for pattern in ("*%" * 40 + "y", "%*" * 40 + "/y", "*" * 100 + "z", "b%o%x%-%1%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%x%y", "*x" * 30 + "y"):
            assert client.ok(f'LIST "" "{pattern}"')[:-1] == []
        # Five of them, in any build; backtracking would not come back at all.
        assert cpu(martlet, "accessd") - before < 4 and time.monotonic() - begun < 20
        assert len(client.ok('LIST "" "*"')) > 5000


def test_searches_of_many_sessions_leave_room_for_others_and_end_with_their_sessions(martlet, account, unharmed):
    with Imap(martlet, account, timeout=60) as client:
        client.append("INBOX", message("long", "lorem ipsum dolor sit amet " * 36 + "\r\n"))
        client.ok("SELECT INBOX")
        for _ in range(13):
            client.ok("COPY 1:* INBOX")
            client.ok("NOOP")
        assert "* 8192 EXISTS" in client.ok("EXAMINE INBOX")
        clients = []
        try:
            for _ in range(20):
                one = Imap(martlet, account, timeout=60)
                clients.append(one)
                one.ok("SELECT INBOX")
            for number, one in enumerate(clients):
                one.send(f"s SEARCH BODY nothing-like-{number} " + " ".join(f"NOT TEXT absent-{n}" for n in range(20)) + "\r\n")
            time.sleep(1)
            begun = time.monotonic()
            client.ok("SELECT INBOX")
            client.ok("FETCH 1:100 FLAGS")
            assert time.monotonic() - begun < 10, "a session waits for the searches of others"
        finally:
            for one in clients:
                one.socket.shutdown(socket.SHUT_RDWR)  # nobody wants to know any more
                one.socket.close()
        deadline = time.monotonic() + 15
        while True:
            before = cpu(martlet, "accessd")
            time.sleep(1)
            if cpu(martlet, "accessd") - before < 0.4:
                break
            assert time.monotonic() < deadline, "the searches go on"


@pytest.mark.parametrize("search", ["NOT " * 15_000 + "ALL", "OR SEEN " * 7_000 + "ALL", "(" * 30_000 + "ALL" + ")" * 30_000,
                                    ",".join(str(n) for n in range(1, 12_000)), "0", "1:4294967296", "4294967295:*",
                                    "UID " + ",".join(f"{n}:{n + 5}" for n in range(1, 8_000))], ids=range(8))
def test_searches_that_cannot_be_are_bad_or_quick(martlet, account, unharmed, search):
    with Imap(martlet, account, timeout=30) as client:
        client.append("INBOX", message("one"))
        client.ok("SELECT INBOX")
        before = cpu(martlet, "accessd")
        client.send(f"s SEARCH {search}\r\n")
        answers = []
        while not answers or not answers[-1].startswith((b"s ", b"* BYE")):
            answers.append(client.line())
            assert answers[-1] or len(search) > 60_000, "closed without a word"
            if not answers[-1]:
                break
        assert cpu(martlet, "accessd") - before < 2
