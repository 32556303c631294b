"""What an attacker or a broken client sends to IMAP: BAD or NO, bounded memory, and the session goes on, or it is closed."""
import time
import pytest
from strict_imap import Session, Wrong


@pytest.fixture
def imap(martlet, account):
    with Session(martlet, account) as session:
        session.ok("SELECT INBOX")
        yield session


def closed_after(session, data):
    try:
        session.send(data)
    except OSError:
        pass  # closed while we were still sending
    return session.until_closed()


@pytest.mark.parametrize("port", ["imap", "imaps"])
@pytest.mark.parametrize("literal", ["{2147483647}", "{4294967296}", "{18446744073709551616}", "{-1}", "{8193}"])
def test_literal_above_the_limit_before_login_is_bad_and_the_session_goes_on(martlet, port, literal):
    with Session(martlet, port=port) as session:
        session.bad(f"LOGIN {literal}")
        session.ok("NOOP")


@pytest.mark.parametrize("port", ["imap", "imaps"])
def test_literal_that_is_already_coming_closes(martlet, port):
    with Session(martlet, port=port) as session:
        assert b"a BAD" in closed_after(session, b"a LOGIN {1000000000+}\r\n")


def test_announced_sizes_cost_no_memory(martlet):
    before = martlet.rss("accessd")
    sessions = [Session(martlet, port="imap") for _ in range(100)]
    opened = martlet.rss("accessd")
    for session in sessions:
        session.bad("LOGIN {2147483647}")
        session.send(b"a LOGIN {8000}\r\n")
        session.response()
        session.send(b"x" * 7999)
    time.sleep(0.5)
    assert martlet.rss("accessd") - opened < 4, (before, opened)
    for session in sessions:
        session.close()


@pytest.mark.parametrize("port", ["imap", "imaps"])
@pytest.mark.parametrize("data", [b"a " + b"(" * 1_000_000, b"a ID (" + b'"x" NIL ' * 100_000, b"a " + b"x" * 65_536 + b"\r\n", b"x" * 70_000],
                         ids=["parentheses", "ID pairs", "line", "no end"])
def test_endless_line_before_login_is_bad_and_closes(martlet, port, data):
    with Session(martlet, port=port) as session:
        got = closed_after(session, data)
        assert b" BAD " in got or len(data) > 500_000, got  # the answer may be lost to a reset while we send much more


def test_http_is_sent_away(martlet):
    with Session(martlet, port="imap") as session:
        got = closed_after(session, b"POST / HTTP/1.1\r\nHost: mx\r\n\r\na LOGOUT\r\n")
        assert b"a OK" not in got


def test_command_injected_before_tls_is_not_answered(martlet, account):
    with Session(martlet, port="imap") as session:
        got = closed_after(session, f"a STARTTLS\r\nb LOGIN {account.address} {account.password}\r\n")
        assert b"b OK" not in got and b"b NO" not in got


@pytest.mark.parametrize("line", [
    "FOO", "FETCH", "FETCH 0 FLAGS", "FETCH 1:4294967296 FLAGS", "FETCH a FLAGS", "FETCH 1 BODY[", "SEARCH 0", "SEARCH ((((", "SEARCH (",
    "SEARCH 1:4294967296", 'LIST "" "x', 'LOGIN "a', "STORE 1 FLAGS (\\Foo)", "SEARCH " + "NOT " * 5000 + "ALL",
    "SEARCH " + "OR SEEN " * 5000 + "ALL", "UID", "APPEND INBOX", "APPEND INBOX (\\Seen) x", "STATUS INBOX ()",
    "SELECT {70000}", "SELECT {2147483647}", "SELECT {18446744073709551616}",
], ids=lambda line: line[:24])
def test_nonsense_is_bad_and_the_session_goes_on(imap, line):
    imap.bad(line)
    imap.ok("NOOP")


@pytest.mark.parametrize("line", [b"", b"\0\0\0", b"\x80\x81", b"a\nb NOOP", b"(a NOOP"], ids=repr)
def test_line_without_a_tag_is_bad_and_the_session_goes_on(imap, line):
    imap.send(line + b"\r\n")
    response = imap.response()
    assert response.startswith((b"* BAD", b"a BAD")), response
    imap.ok("NOOP")


def test_append_that_goes_wrong_keeps_the_session_in_step(imap):
    assert b"TOOBIG" in imap.no("APPEND INBOX {1000000000000}")
    tag = imap.tag()
    imap.send(tag + b" APPEND INBOX {5}\r\n")
    assert imap.response().startswith(b"+ ")
    imap.send(b"hello {3}\r\n")
    assert imap.finish(tag)[0] == "BAD"
    tag = imap.tag()
    imap.send(tag + b" APPEND INBOX (\\Foo) {5+}\r\nhello\r\n")
    assert imap.finish(tag)[0] == "BAD"
    imap.ok("NOOP")
    assert imap.search("ALL") == []


@pytest.mark.parametrize("data", [b"a SEARCH " + b"NOT " * 100_000 + b"ALL\r\n", b"a SEARCH " + b"OR SEEN " * 50_000 + b"ALL\r\n",
                                  b"a SEARCH " + b",".join(b"%d" % i for i in range(1, 200_000)) + b"\r\n"], ids=["NOT", "OR", "set"])
def test_huge_search_is_bad_and_closes(imap, data):
    closed_after(imap, data)


def test_search_for_many_texts_is_refused(imap):
    assert b"LIMIT" in imap.no("SEARCH" + " BODY x" * 100)


def test_sets_up_to_the_last_number_are_fine(imap):
    imap.ok("APPEND INBOX {}", b"A: b\r\n\r\n")
    assert imap.search("4294967295:*") == [1]
    imap.ok("UID FETCH 1:4294967295 FLAGS")
    assert len(imap.fetch("UID FETCH 4294967295:* FLAGS")) == 1


def test_pattern_of_wildcards_is_quick_with_many_mailboxes(martlet, account, imap):
    martlet.sql("INSERT INTO mailbox (account_id, name, uidvalidity) SELECT account_id, 'folder/' || repeat('a', n % 60) || n, n "
                f"FROM account, generate_series(1, 5000) n WHERE address = '{account.address}'")
    for pattern in ("*%" * 40 + "q", "*a" * 200 + "q"):
        started = time.monotonic()
        assert imap.names(f'LIST "" "{pattern}"') == []
        assert time.monotonic() - started < 0.5


@pytest.mark.parametrize("name", ["&", "&AAA-", "&AC8-", "&AGE-", "&2AA-", "&Jjo!", "&AOk", "&AOk-&AOk-"])
def test_names_with_a_second_spelling_are_refused(imap, name):
    imap.no(f'CREATE "{name}"')
    imap.no(f'SELECT "{name}"')


@pytest.mark.parametrize("name", [b"../bob/INBOX", b"INBOX/../x", b"%", b"_", b"x'--", b"$1", b'a "b" \\c', b"a*b"], ids=repr)
def test_odd_names_are_taken_literally(imap, name):
    imap.ok("CREATE {}", name)
    assert imap.names('LIST "" *').count(name.decode()) == 1
    imap.ok("SELECT {}", name)
    imap.ok("DELETE {}", name)


@pytest.mark.parametrize("name", [b"x" * 10_000, b"/".join([b"x"] * 1000), b"a\r\nb", b"a\tb", b"", b"/", b"a//b"], ids=lambda n: repr(n[:8]))
def test_impossible_names_are_refused(imap, name):
    imap.no("CREATE {}", name)
    imap.bad("CREATE {}", b"a\0b")
    imap.ok("NOOP")


def test_a_dead_search_costs_nothing(martlet, account, imap):
    """A client that leaves in mid-search is noticed; other sessions go on."""
    for number in range(20):
        imap.ok("APPEND INBOX {}", b"A: %d\r\n\r\n" % number + b"text " * 20_000)
    gone = Session(martlet, account)
    gone.ok("SELECT INBOX")
    gone.send("x SEARCH BODY nowhere\r\n")
    gone.close()
    imap.ok("NOOP")


def test_canary_password_is_in_no_log(martlet, account):
    with Session(martlet) as session:
        session.bad(f'LOGIN {account.address} "{account.password}')
        session.bad(f"LOGIN {account.address} {account.password} x")
        session.no("LOGIN {} {}", account.address.encode(), account.password.encode() + b"x")
        session.ok("LOGIN {} {}", account.address.encode(), account.password.encode())
    assert account.password not in martlet.log("accessd")
