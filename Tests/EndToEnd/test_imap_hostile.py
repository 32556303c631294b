"""Hostile IMAP input (literals, nesting, wildcards, floods, slow peers): an answer, bounded memory, and the session goes on."""
import time
import pytest
from conftest import message
from imap_client import Imap, elapsed, numbers

pytestmark = pytest.mark.usefixtures("nobody_else_reads_worse")


@pytest.fixture(scope="module", autouse=True)
def fresh(martlet):
    martlet.restart("accessd", "imap")  # what other tests made of its heap is not measured here


@pytest.fixture
def client(martlet, account):
    with Imap(martlet, account) as client:
        client.append("INBOX", message("one"))
        client.ok("SELECT INBOX")
        yield client


def lives(client):
    return client.ok("NOOP")


@pytest.mark.parametrize("size", ["2147483647", "4294967296", "18446744073709551616", "-1", "1000000000+", "0x10", ""])
def test_literal_sizes_before_login(martlet, size):
    before = martlet.rss("accessd")
    clients = [Imap(martlet) for _ in range(50)]
    for client in clients:
        client.send(f"a LOGIN {{{size}}}\r\n")
    for client in clients:
        assert b" BAD" in client.line()
        client.socket.close()
    assert martlet.rss("accessd") - before < 30


@pytest.mark.parametrize("start", [b"a " + b"(" * 1_000_000, b"a ID (" + b'("x" "y") ' * 100_000, b"a " + b"x" * 70_000 + b"\r\n"])
def test_endless_lines_end_the_connection(martlet, start):
    with Imap(martlet) as client:
        try:
            client.send(start)
        except OSError:
            pass  # it was closed while we sent
        client.rest()  # returns only when the server has closed
    with Imap(martlet) as client:
        client.ok("NOOP")


def test_a_line_above_64_kib_ends_a_session_too(martlet, account):
    with Imap(martlet, account) as client:
        client.send(b"a SEARCH " + b"(" * 66_000 + b"\r\n")
        answer = client.rest()
        assert b" BAD " in answer and b"BYE" in answer


def test_commands_behind_starttls_are_never_run(martlet, account):
    with Imap(martlet, port="imap") as client:
        client.send(f"a STARTTLS\r\nb LOGIN {account.address} {account.password}\r\n")
        answer = client.rest()
        assert b"b " not in answer


def test_starttls_is_taken_once_and_forgets(martlet, account):
    with Imap(martlet, port="imap") as client:
        assert client.command("STARTTLS x")[-1].startswith("BAD")
        assert "STARTTLS" in client.ok("CAPABILITY")[0] and "LOGINDISABLED" in client.ok("CAPABILITY")[0]
        client.ok('ID ("name" "before")')
        client.starttls(martlet)
        assert client.command("STARTTLS")[-1].startswith("BAD")
        features = client.ok("CAPABILITY")[0]
        assert "STARTTLS" not in features and "LOGINDISABLED" not in features and "AUTH=PLAIN" in features
        client.ok(f"LOGIN {account.address} {account.password}")
        assert client.command("STARTTLS")[-1].startswith("BAD")
    with Imap(martlet) as client:
        assert client.command("STARTTLS")[-1].startswith("BAD")


def test_three_failed_logins_end_the_session(martlet, account):
    with Imap(martlet) as client:
        answers = [client.command(f"LOGIN {account.address} wrong")[-1] for _ in range(2)]
        answers.append(client.command(f"LOGIN nobody-{account.address} wrong")[-1])
        assert len(set(answers)) == 1 and answers[0].startswith("NO [AUTHENTICATIONFAILED]")
        assert client.rest() == b""


@pytest.mark.parametrize("command", [
    "FETCH 0 FLAGS", "FETCH 2 FLAGS", "FETCH 1:4294967296 FLAGS", "FETCH 4294967295:* FLAGS", "FETCH 1, FLAGS", "FETCH 1 (BODY[", 'SELECT "open',
    "FETCH 1 BODY[1.99999999999]", "FETCH 1 BODY[]<0.0>", "STORE 1 +FLAGS (\\Bogus)", "STATUS INBOX (BOGUS)", "CREATE {3+}\r\na\0b", "BOGUS", "",
    "SEARCH " + "NOT " * 10_000 + "ALL", "SEARCH " + "OR " * 10_000 + "ALL ALL", "SEARCH CHARSET", "FETCH 1 " + "(" * 1000, "APPEND INBOX (\\Seen",
])
def test_malformed_commands_are_bad_and_the_session_goes_on(client, command):
    assert client.command(command)[-1].startswith("BAD"), command
    lives(client)


def test_a_long_set_and_a_deep_search_are_quick(client):
    numbers_ = ",".join(str(n) for n in range(1, 10_000))
    assert elapsed(lambda: client.command(f"UID FETCH {numbers_} FLAGS")) < 2
    lives(client)


@pytest.mark.parametrize("name", ["&", "&AAA-", "&AC8-", "&AGE-", "&2AA-", "&Jjo!", '"' + "x" * 10_000 + '"', '"' + "x/" * 1000 + 'y"', '"a//b"', '"/a"'])
def test_names_that_cannot_be(client, name):
    assert client.command(f"CREATE {name}")[-1].startswith(("NO", "BAD")), name
    lives(client)


@pytest.mark.parametrize("name", ["../second/INBOX", "INBOX/../x", "%", "_", "x'/**/UNION/**/SELECT/**/'1'--", "$1", "a\\\\b"])
def test_odd_names_are_literal(client, name):
    client.ok(f'CREATE "{name}"')
    shown = [line for line in client.ok('LIST "" "*"') if line.endswith(f'"{name}"')]
    assert len(shown) == 1, name
    client.ok(f'DELETE "{name}"')


def test_a_wild_pattern_over_many_mailboxes_is_quick(client):
    for start in range(0, 300, 100):
        client.send("".join(f"m{n} CREATE box-{n}/{'x' * 60}\r\n" for n in range(start, start + 100)))
        for n in range(start, start + 100):
            client.until(f"m{n}")
    pattern = "*%" * 40 + "y"
    assert elapsed(lambda: client.ok(f'LIST "" "{pattern}"')) < 1


@pytest.mark.parametrize("announced", ["67108865", "99999999999", "18446744073709551616"])
def test_a_message_above_the_limit_is_refused_before_it_is_sent(client, announced):
    assert client.command(f"APPEND INBOX {{{announced}}}")[-1].startswith(("NO [TOOBIG]", "BAD"))
    lives(client)


def test_search_text_is_data(client):
    for text in ("x' OR '1'='1", "%_", "\\\\", "$1"):
        assert numbers(client.ok(f'SEARCH SUBJECT "{text}"')) == []
    word = b"\xbf\x27"
    assert client.command(b"SEARCH SUBJECT {2+}\r\n" + word)[-1].startswith(("OK", "BAD", "NO"))
    lives(client)


def test_a_client_that_pipelines_and_does_not_read_is_held_back(martlet, account, client):
    for number in range(20):
        client.append("INBOX", message(f"m{number}", "x" * 900 + "\r\n"))
    before = martlet.rss("accessd")
    with Imap(martlet, account) as greedy:
        greedy.ok("SELECT INBOX")
        greedy.socket.settimeout(2)
        try:
            for number in range(3000):
                greedy.send(f"g{number} FETCH 1:* BODY.PEEK[]\r\n")
        except OSError:
            pass  # the server does not read any more
        time.sleep(1)
        assert martlet.rss("accessd") - before < 40
    lives(client)


def test_dropping_in_the_middle_of_anything_leaves_no_session(martlet, account):
    for piece in (b"", b"a LOG", b"a APPEND INBOX {1000}\r\nxx", b"a IDLE\r\n", b"a FETCH 1:* BODY[]\r\n"):
        for _ in range(5):
            with Imap(martlet, account) as client:
                client.send(b"s SELECT INBOX\r\n" + piece)
    with Imap(martlet, account) as client:
        lives(client)


def test_memory_does_not_grow_with_repeats(martlet, account):
    def round():
        for _ in range(10):
            with Imap(martlet) as client:
                client.send(b"a ID (" + b'("x" "y") ' * 2000 + b")\r\nb LOGIN {5}\r\nx\0yzz {3}\r\nabc\r\nc " + b"A" * 70_000 + b"\r\n")
                client.rest()
            with Imap(martlet, account) as client:
                client.command("SEARCH " + "(" * 100)
                client.send(b"d APPEND INBOX {100000+}\r\n" + b"x" * 50_000)

    def settled():
        time.sleep(4)  # for two seconds the TLS library keeps a connection whose goodbye nobody answered
        return martlet.rss("accessd")

    for _ in range(20):
        round()
    before = settled()
    for _ in range(10):
        round()
    assert settled() < before * 1.05 + 2
