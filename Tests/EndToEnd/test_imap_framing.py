"""Broken and hostile IMAP clients, as in test_imap_hostile.py: framing that stays in step, names, secrets."""
import pytest
from strict_imap import Session

pytestmark = pytest.mark.usefixtures("nobody_else_reads_worse")


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


def test_http_is_sent_away(martlet):
    with Session(martlet, port="imap") as session:
        got = closed_after(session, b"POST / HTTP/1.1\r\nHost: mx\r\n\r\na LOGOUT\r\n")
        assert b"a OK" not in got


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


def test_search_for_many_texts_is_refused(imap):
    assert b"LIMIT" in imap.no("SEARCH" + " BODY x" * 100)


def test_sets_up_to_the_last_number_are_fine(imap):
    imap.ok("APPEND INBOX {}", b"A: b\r\n\r\n")
    assert imap.search("4294967295:*") == [1]
    imap.ok("UID FETCH 1:4294967295 FLAGS")
    assert len(imap.fetch("UID FETCH 4294967295:* FLAGS")) == 1


@pytest.mark.parametrize("name", ["&", "&AAA-", "&AC8-", "&AGE-", "&2AA-", "&Jjo!", "&AOk", "&AOk-&AOk-"])
def test_names_with_a_second_spelling_are_refused(imap, name):
    imap.no(f'CREATE "{name}"')
    imap.no(f'SELECT "{name}"')


@pytest.mark.parametrize("name", [b"x" * 10_000, b"/".join([b"x"] * 1000), b"a\r\nb", b"a\tb", b"", b"/", b"a//b"], ids=lambda n: repr(n[:8]))
def test_impossible_names_are_refused(imap, name):
    imap.no("CREATE {}", name)
    imap.bad("CREATE {}", b"a\0b")
    imap.ok("NOOP")


def test_canary_password_is_in_no_log(martlet, account):
    with Session(martlet) as session:
        session.bad(f'LOGIN {account.address} "{account.password}')
        session.bad(f"LOGIN {account.address} {account.password} x")
        session.no("LOGIN {} {}", account.address.encode(), account.password.encode() + b"x")
        session.ok("LOGIN {} {}", account.address.encode(), account.password.encode())
    assert account.password not in martlet.log("accessd")
