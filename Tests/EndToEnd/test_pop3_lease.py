"""One session has a maildrop, over all processes; only QUIT removes messages, and only while the lease is its own."""
import os, socket, subprocess, time
import pytest
from conftest import message
from pop3_client import Pop3
from test_pop3 import fill, inbox


class SecondAccessd:
    """Another accessd beside the system's own, with other ports, as on another host."""

    def __init__(self, martlet, folder, **ports):
        environment = {p.name: p.read_text() for p in (martlet.data / "services" / ".accessd.env").iterdir()}
        environment |= {f"MARTLET_{name}": str(port) for name, port in ports.items()}
        environment |= {"MARTLET_ALLOW_ROOT": "1", "PATH": os.environ["PATH"], "MARTLET_INSTANCE": "second"}
        self.log = open(folder / "accessd.log", "wb")
        self.process = subprocess.Popen([str(martlet.data / "bin" / "martlet-accessd")], env=environment, stderr=self.log)
        self.path = folder / "accessd.log"

    def wait(self, count):
        deadline = time.monotonic() + 20
        while (text := self.path.read_text()).count("listening") < count:
            assert self.process.poll() is None and time.monotonic() < deadline, text
            time.sleep(0.1)
        return self

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()


@pytest.fixture
def ports(martlet):
    """Four free port numbers near the system's own."""
    base = martlet.ports["pop3"] + 40
    return {"IMAP_PORT": base, "IMAP_IMAPS_PORT": base + 1, "POP3_PORT": base + 2, "POP3_POP3S_PORT": base + 3}


@pytest.fixture
def other(martlet, ports, tmp_path):
    second = SecondAccessd(martlet, tmp_path, **{**ports, "IMAP_PORT": 0, "IMAP_IMAPS_PORT": 0}).wait(2)
    yield second
    second.stop()


class There(Pop3):
    """A client of the other accessd."""

    def __init__(self, martlet, ports, account=None):
        super().__init__(martlet, port=ports["POP3_PORT"])
        self.stls(martlet)
        if account:
            self.ok(f"USER {account.address}")
            self.ok(f"PASS {account.password}")


def login(client, account):
    client.ok(f"USER {account.address}")
    return client.command(f"PASS {account.password}")


def end_leases(martlet):
    """As if their time had passed."""
    martlet.sql("UPDATE maildrop_lease SET until = now() - interval '1 s'")


def test_one_session_at_a_time_on_either_process(martlet, account, other, ports):
    fill(martlet, account, 1)
    with Pop3(martlet, account) as first, There(martlet, ports) as second, Pop3(martlet) as third:
        for client in (second, third):
            assert login(client, account).startswith("-ERR [IN-USE] ")
        first.ok("QUIT")
        assert login(second, account).startswith("+OK")
        assert login(third, account).startswith("-ERR [IN-USE] ")
        second.ok("QUIT")
        assert login(third, account).startswith("+OK")


def test_a_connection_that_is_lost_removes_nothing_and_gives_the_maildrop_back(martlet, account):
    mails = fill(martlet, account, 2)
    client = Pop3(martlet, account)
    client.ok("DELE 1")
    client.close()
    deadline = time.monotonic() + 5
    while True:
        with Pop3(martlet) as again:
            if login(again, account).startswith("+OK"):
                assert again.stat()[0] == 2
                break
        assert time.monotonic() < deadline, "the maildrop stays taken"
        time.sleep(0.05)
    assert inbox(martlet, account) == mails


def test_after_another_session_had_the_maildrop_quit_removes_nothing(martlet, account, other, ports):
    mails = fill(martlet, account, 3)
    with Pop3(martlet, account) as first:
        first.ok("DELE 1")
        end_leases(martlet)
        with There(martlet, ports, account) as second:
            second.ok("DELE 3")
            assert first.retrieve(2) == mails[1]
            assert first.error("QUIT") == "-ERR [SYS/TEMP] Some messages may not have been removed"
            assert len(inbox(martlet, account)) == 3
            second.ok("QUIT")
    assert inbox(martlet, account) == mails[:2]


def test_a_killed_process_keeps_the_maildrop_only_for_the_time_of_its_lease(martlet, account, other, ports):
    mails = fill(martlet, account, 2)
    client = There(martlet, ports, account)
    client.ok("DELE 1")
    [[holder, seconds]] = martlet.sql(
        "SELECT holder, extract(epoch FROM until - now()) FROM maildrop_lease JOIN account USING (account_id) "
        f"WHERE address = '{account.address}'")
    assert holder == "second" and 0 < float(seconds) <= 30
    other.stop()
    with Pop3(martlet) as late:
        assert login(late, account).startswith("-ERR [IN-USE] ")
        end_leases(martlet)
        assert login(late, account).startswith("+OK")
        assert late.stat()[0] == 2
    assert inbox(martlet, account) == mails
    client.close()


def test_a_lease_is_renewed_while_its_session_lives(martlet, account):
    query = f"SELECT until FROM maildrop_lease JOIN account USING (account_id) WHERE address = '{account.address}'"
    with Pop3(martlet, account):
        before = martlet.sql(query)
        deadline = time.monotonic() + 15
        while martlet.sql(query) == before:
            assert time.monotonic() < deadline, "not renewed"
            time.sleep(0.2)


def test_quit_of_a_long_session_after_the_database_was_away(martlet, account):
    """Every connection of accessd is cut: the session goes on, and QUIT removes."""
    mails = fill(martlet, account, 2)
    with Pop3(martlet, account) as client:
        client.ok("DELE 1")
        martlet.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'martlet_accessd'")
        answer = client.command("RETR 2")
        if answer.startswith("+OK"):
            client.lines()
        else:
            assert answer.startswith("-ERR [SYS/TEMP] ")
        answer = client.command("QUIT")
    # The first request over a cut connection may fail; then nothing was removed, and the client was told so.
    assert inbox(martlet, account) == (mails[1:] if answer.startswith("+OK") else mails)


@pytest.mark.parametrize("serves", [("IMAP_PORT", "IMAP_IMAPS_PORT"), ("POP3_PORT", "POP3_POP3S_PORT"), ()])
def test_accessd_serves_imap_pop3_or_says_that_it_has_nothing_to_do(martlet, ports, tmp_path, serves):
    wanted = {name: port if name in serves else 0 for name, port in ports.items()}
    second = SecondAccessd(martlet, tmp_path, **wanted)
    try:
        if not serves:
            assert second.process.wait(20) == 78
            assert "MARTLET_IMAP_PORT is 0" in second.path.read_text()
            return
        second.wait(2)
        for name, port in ports.items():
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
                    assert name in serves
                    if not name.endswith("S_PORT"):
                        assert connection.recv(100).startswith(b"* OK" if name == "IMAP_PORT" else b"+OK")
            except ConnectionRefusedError:
                assert name not in serves
    finally:
        second.stop()
