"""IMAP4rev1 as transcripts: what RFC 3501 and the offered extensions promise a client."""
import re
import pytest
from conftest import message
from imap_client import Imap, numbers

MULTIPART = (
    b"From: Alice <alice@example.test>\r\nTo: bob@example.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= to you\r\n"
    b"Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nMessage-ID: <1@x>\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\npreamble\r\n--b\r\n'
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nHello W=C3=B6rld needle\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nFrom: x@y\r\n\r\ninner body\r\n--b--\r\n")


@pytest.fixture
def client(martlet, account):
    with Imap(martlet, account) as client:
        yield client


@pytest.fixture
def filled(client):
    for number in range(1, 6):
        client.append("INBOX", message(f"mail {number}", f"body {number}\r\n"))
    client.ok("SELECT INBOX")
    return client


def test_before_tls_there_is_no_login_and_the_answer_does_not_depend_on_the_password(martlet, account):
    with Imap(martlet, port="imap") as clear:
        assert b"LOGINDISABLED" in clear.greeting and b"STARTTLS" in clear.greeting and b"AUTH=" not in clear.greeting
        answers = [clear.command(f"LOGIN {account.address} {password}") for password in (account.password, "wrong")]
        assert answers[0] == answers[1] == ["NO [PRIVACYREQUIRED] Start TLS first"]
        assert clear.command("AUTHENTICATE PLAIN")[-1].startswith("NO [PRIVACYREQUIRED]")
        clear.starttls(martlet)
        after = clear.ok("CAPABILITY")[0]
        assert "AUTH=PLAIN" in after and "LOGINDISABLED" not in after and "STARTTLS" not in after
        assert "IDLE" in clear.ok(f"LOGIN {account.address} {account.password}")[-1]
        assert clear.command("STARTTLS")[-1].startswith("BAD")


def test_authenticate_plain_with_and_without_initial_response(martlet, account):
    import base64
    secret = base64.b64encode(f"\0{account.address}\0{account.password}".encode()).decode()
    with Imap(martlet) as client:
        client.ok(f"AUTHENTICATE PLAIN {secret}")
    with Imap(martlet) as client:
        client.send("x AUTHENTICATE PLAIN\r\n")
        assert client.line() == b"+ \r\n"
        client.send("*\r\n")
        assert client.line().startswith(b"x BAD")
        client.send("y AUTHENTICATE PLAIN\r\n")
        client.line()
        client.send(secret + "\r\n")
        assert client.line().startswith(b"y OK")


def test_initial_mailboxes_with_their_uses(client):
    lines = client.ok('LIST "" "*" RETURN (SPECIAL-USE SUBSCRIBED STATUS (MESSAGES))')
    for name, use in (("Junk", "\\Junk"), ("Sent", "\\Sent"), ("Drafts", "\\Drafts"), ("Trash", "\\Trash"), ("Archive", "\\Archive")):
        assert any(line.startswith("* LIST") and use in line and line.endswith(f'"{name}"') for line in lines), name
        assert f'* STATUS "{name}" (MESSAGES 0)' in lines
    assert client.ok('LIST "" ""')[0] == '* LIST (\\Noselect) "/" ""'
    assert client.ok("NAMESPACE")[0] == '* NAMESPACE (("" "/")) NIL NIL'
    assert len([line for line in client.ok('LSUB "" "*"') if line.startswith("* LSUB")]) == 6


def test_the_tree_of_mailboxes(client):
    client.ok("CREATE a/b/c")
    assert client.command("CREATE a/b")[-1].startswith("NO [ALREADYEXISTS]")
    client.ok("CREATE d/")
    names = lambda pattern: sorted(re.search(r'"/" "?([^"]*)"?$', line)[1] for line in client.ok(f'LIST "" "{pattern}"')[:-1])
    assert names("a*") == ["a", "a/b", "a/b/c"]
    assert names("a/%") == ["a/b"]
    client.ok("DELETE a/b")
    assert any("\\Noselect" in line and line.endswith('"a/b"') for line in client.ok('LIST "" "a*"'))
    client.ok("RENAME a z/y")
    assert names("z*") == ["z", "z/y", "z/y/b", "z/y/b/c"] and names("a") == []
    assert client.command("RENAME z z/below")[-1].startswith("NO")
    assert client.command("DELETE INBOX")[-1].startswith("NO [CANNOT]")
    client.ok("SUBSCRIBE z/y/b/c")
    assert "* LSUB (\\Noselect) \"/\" \"z\"" in client.ok('LSUB "" "%"')
    client.ok("UNSUBSCRIBE z/y/b/c")
    assert not any('"z' in line for line in client.ok('LSUB "" "*"'))


def test_names_in_modified_utf7(client):
    client.ok('CREATE "&U,BTFw-/&ZeVnLIqe-"')
    assert '* LIST (\\HasNoChildren) "/" "&U,BTFw-/&ZeVnLIqe-"' in client.ok('LIST "" "&U,BTFw-/*"')


def test_rename_of_inbox_moves_its_messages(filled):
    filled.ok("UNSELECT")
    filled.ok("RENAME INBOX old")
    assert "(MESSAGES 5)" in filled.ok("STATUS old (MESSAGES)")[0]
    assert "(MESSAGES 0 UIDNEXT 6)" in filled.ok("STATUS INBOX (MESSAGES UIDNEXT)")[0]


def test_append_gives_flags_date_and_uid(client):
    answer = client.append("INBOX", MULTIPART, '(\\Flagged $Work) "07-Feb-1994 21:52:25 -0800" ')
    validity, uid = re.search(r"APPENDUID (\d+) (\d+)", answer).groups()
    lines = client.ok("SELECT INBOX")
    assert f"UIDVALIDITY {validity}" in " ".join(lines) and "* 1 EXISTS" in lines and "* 1 RECENT" in lines
    assert client.ok("FETCH 1 (FLAGS UID INTERNALDATE RFC822.SIZE)")[0] == (
        f'* 1 FETCH (FLAGS (\\Flagged \\Recent $Work) UID {uid} INTERNALDATE "08-Feb-1994 05:52:25 +0000" RFC822.SIZE {len(MULTIPART)})')
    assert client.command("APPEND nowhere {3}", b"abc")[-1].startswith("NO [TRYCREATE]")


def test_envelope_and_structure(client):
    client.append("INBOX", MULTIPART)
    client.ok("SELECT INBOX")
    assert client.ok("FETCH 1 ENVELOPE")[0] == (
        '* 1 FETCH (ENVELOPE ("Mon, 7 Feb 1994 21:52:25 -0800" "=?utf-8?q?Gr=C3=BC=C3=9Fe?= to you" (("Alice" NIL "alice" "example.test"))'
        ' (("Alice" NIL "alice" "example.test")) (("Alice" NIL "alice" "example.test")) ((NIL NIL "bob" "example.test")) NIL NIL NIL "<1@x>"))')
    structure = client.ok("FETCH 1 BODYSTRUCTURE")[0]
    assert '("TEXT" "PLAIN" ("CHARSET" "utf-8") NIL NIL "QUOTED-PRINTABLE" 23 0 NIL NIL NIL NIL)' in structure
    assert '"MESSAGE" "RFC822"' in structure and structure.endswith('"MIXED" ("BOUNDARY" "b") NIL NIL NIL))')


@pytest.mark.parametrize("section, expected", [
    ("", MULTIPART),
    ("HEADER", MULTIPART[:MULTIPART.index(b"\r\n\r\n") + 4]),
    ("TEXT", MULTIPART[MULTIPART.index(b"\r\n\r\n") + 4:]),
    ("1", b"Hello W=C3=B6rld needle"),
    ("1.MIME", b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"),
    ("2", b"Subject: inner\r\nFrom: x@y\r\n\r\ninner body"),
    ("2.HEADER", b"Subject: inner\r\nFrom: x@y\r\n\r\n"),
    ("2.TEXT", b"inner body"),
    ("2.1", b"inner body"),
    ("HEADER.FIELDS (message-id From)", b"From: Alice <alice@example.test>\r\nMessage-ID: <1@x>\r\n\r\n"),
    ("2.HEADER.FIELDS.NOT (From)", b"Subject: inner\r\n\r\n"),
])
def test_sections_and_partials_are_exact(client, section, expected):
    client.append("INBOX", MULTIPART)
    client.ok("SELECT INBOX")

    def fetched(partial=""):
        line = "\r\n".join(client.ok(f"FETCH 1 (BODY.PEEK[{section}]{partial})")[:-1]).encode("utf-8", "surrogateescape")
        return line[line.index(b"}\r\n") + 3:-1]
    assert fetched() == expected
    for first, count in ((0, 1), (3, 10), (len(expected) - 2, 100), (len(expected) + 5, 4)):
        assert fetched(f"<{first}.{count}>") == expected[first:first + count]


def test_a_part_that_is_not_there_is_nil(client):
    client.append("INBOX", MULTIPART)
    client.ok("SELECT INBOX")
    assert client.ok("FETCH 1 BODY.PEEK[3]")[0] == "* 1 FETCH (BODY[3] NIL)"
    assert client.ok("FETCH 1 BODY.PEEK[1.HEADER]")[0] == "* 1 FETCH (BODY[1.HEADER] NIL)"


def test_reading_a_body_sets_seen_once_and_says_so(filled):
    assert "FLAGS (\\Seen" in filled.ok("FETCH 2 BODY[TEXT]")[0]
    assert "FLAGS" not in filled.ok("FETCH 2 BODY[TEXT]")[0]
    assert "FLAGS" not in filled.ok("FETCH 3 (BODY.PEEK[TEXT] RFC822.HEADER)")[0]
    assert numbers(filled.ok("SEARCH SEEN")) == [2]


def test_who_reads_one_message_after_the_other_gets_each_as_it_was(martlet, account, client):
    sent = [message(f"mail {number}", f"body {number}\r\n" * (4000 if number % 10 == 3 else number)) for number in range(1, 41)]
    for mail in sent:
        client.append("INBOX", mail)
    client.ok("SELECT INBOX")
    with Imap(martlet, account) as other:
        other.ok("SELECT INBOX")
        for number, mail in enumerate(sent, 1):
            if number == 20:
                other.ok("STORE 30 +FLAGS (\\Deleted)")
                other.ok("EXPUNGE")
            if number < 30:
                assert mail in client.ok(f"FETCH {number} BODY.PEEK[]")[0].encode()
    client.ok("NOOP")
    for number in [29, 30, 31, 5, 6, 7, 39, 38]:
        assert sent[number if number > 29 else number - 1] in client.ok(f"UID FETCH {number if number < 30 else number + 1} BODY.PEEK[]")[0].encode()


def test_store_in_all_forms(filled):
    assert filled.ok("STORE 1:2 +FLAGS (\\Deleted kw)")[-3:-1] == [
        "* 1 FETCH (FLAGS (\\Deleted \\Recent kw))", "* 2 FETCH (FLAGS (\\Deleted \\Recent kw))"]
    assert filled.ok("STORE 1 -FLAGS.SILENT \\Deleted") == ["OK STORE completed"]
    assert filled.ok("UID STORE 1 FLAGS (\\Seen)")[0] == "* 1 FETCH (UID 1 FLAGS (\\Seen \\Recent))"
    assert numbers(filled.ok("SEARCH DELETED")) == [2] and numbers(filled.ok("SEARCH KEYWORD KW")) == [2]
    assert filled.command("STORE 6 FLAGS ()")[-1].startswith("BAD")
    assert filled.ok("UID STORE 99 FLAGS ()")[-1].startswith("OK")


def test_copy_move_and_expunge_tell_their_uids(filled):
    copied = filled.ok("COPY 2:3 Archive")[-1]
    validity, source, target = re.search(r"\[COPYUID (\d+) (\S+) (\S+)\]", copied).groups()
    assert (source, target) == ("2:3", "1:2")
    moved = filled.ok("UID MOVE 4 Archive")
    assert f"* OK [COPYUID {validity} 4 3] Moved" in moved and "* 4 EXPUNGE" in moved
    filled.ok("STORE 1:2 +FLAGS.SILENT (\\Deleted)")
    assert [line for line in filled.ok("UID EXPUNGE 2") if "EXPUNGE" in line][0] == "* 2 EXPUNGE"
    assert filled.ok("EXPUNGE")[0] == "* 1 EXPUNGE"
    assert numbers(filled.ok("UID SEARCH ALL")) == [3, 5]
    assert filled.command("COPY 1 nowhere")[-1].startswith("NO [TRYCREATE]")
    assert "(MESSAGES 3 UIDNEXT 4)" in filled.ok("STATUS Archive (MESSAGES UIDNEXT)")[0]


def test_close_expunges_without_telling_and_examine_changes_nothing(filled):
    filled.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    assert filled.ok("CLOSE") == ["OK CLOSE completed"]
    lines = filled.ok("EXAMINE INBOX")
    assert "* 4 EXISTS" in lines and "[READ-ONLY]" in lines[-1]
    assert filled.command("STORE 1 +FLAGS (\\Seen)")[-1].startswith("NO")
    filled.ok("FETCH 1 BODY[]")
    assert numbers(filled.ok("SEARCH SEEN")) == []
    filled.ok("UNSELECT")
    assert filled.command("FETCH 1 FLAGS")[-1].startswith("BAD")


@pytest.mark.parametrize("keys, expected", [
    ("ALL", [1, 2]), ("2", [2]), ("UID 1:*", [1, 2]), ("NOT 1", [2]), ("OR 1 2", [1, 2]), ("(1 2)", []), ("UNSEEN", [1, 2]),
    ("SUBJECT gr\u00fc\u00dfe", [1]), ("FROM alice", [1]), ("TO bob@example", [1]), ("HEADER Message-ID 1@x", [1]),
    ('HEADER Date ""', [1, 2]), ("BODY needle", [1]), ("BODY w\u00f6rld", [1]), ('BODY "inner BODY"', [1]), ("BODY message-id", []),
    ("TEXT message-id", [1, 2]), ("SENTON 7-Feb-1994", [1]), ("SENTSINCE 1-Jan-2000", [2]), ("BEFORE 1-Jan-2000", [1]),
    ("SINCE 1-Jan-2000", [2]), ("LARGER 300", [1]), ("SMALLER 300", [2]), ("YOUNGER 3600", [2]), ("OLDER 3600", [1]),
    ("KEYWORD nobody", []), ("TO plain", []), ("FROM \"Alice <alice@\"", [1]), ("SUBJECT q?gr", []), ("SUBJECT PLAIN", [2]), ("SUBJECT plain UNSEEN NOT BODY needle", [2]),
])
def test_search(client, keys, expected):
    client.append("INBOX", MULTIPART, '"07-Feb-1994 21:52:25 -0800" ')
    client.append("INBOX", message("plain", "short\r\n"))
    client.ok("SELECT INBOX")
    parts = re.split(r"([^\x00-\x7f]\S*|\S*[^\x00-\x7f]\S*)", keys)
    if len(parts) > 1:  # a non-ASCII word goes as a literal
        word = parts[1].encode()
        found = client.command(b"SEARCH CHARSET UTF-8 " + parts[0].encode() + b"{%d+}\r\n%s" % (len(word), word))
    else:
        found = client.ok(f"SEARCH {keys}")
    assert numbers(found) == expected


def test_extended_search(filled):
    assert filled.ok("UID SEARCH RETURN (MIN MAX COUNT ALL) 2:4")[0].endswith("UID MIN 2 MAX 4 COUNT 3 ALL 2:4")
    assert filled.command("SEARCH CHARSET KOI8-R ALL")[-1].startswith("NO [BADCHARSET")


def test_an_empty_mailbox_takes_star(client):
    client.ok("SELECT INBOX")
    assert client.ok("FETCH 1:* (FLAGS)") == ["OK FETCH completed"]
    assert numbers(client.ok("SEARCH 1:*")) == []


def test_status_and_select_agree(filled):
    filled.ok("STORE 2 +FLAGS.SILENT (\\Seen)")
    assert "(MESSAGES 5 UNSEEN 4 RECENT 0 UIDNEXT 6)" in filled.ok("STATUS INBOX (MESSAGES UNSEEN RECENT UIDNEXT)")[0]
    size = sum(int(re.search(r"SIZE (\d+)", line)[1]) for line in filled.ok("FETCH 1:* RFC822.SIZE")[:-1])
    assert f"(SIZE {size})" in filled.ok("STATUS INBOX (SIZE)")[0]
    lines = filled.ok("SELECT INBOX")
    assert "* 5 EXISTS" in lines and "* 0 RECENT" in lines and any("[UNSEEN 1]" in line for line in lines)


def test_a_large_message_comes_back_byte_for_byte_in_any_pieces(client):
    import os
    body = message("large", "") + b"".join(os.urandom(30).hex().encode() + b"\r\n" for _ in range(20_000))
    client.append("INBOX", body)
    client.ok("SELECT INBOX")
    client.send("big FETCH 1 BODY.PEEK[]\r\n")
    line = client.line()
    assert line[line.index(b"}\r\n") + 3:-3] == body and client.line().startswith(b"big OK")
    for first, count in ((262_140, 8), (524_000, 300_000), (len(body) - 10, 100)):
        client.send(f"p{first} FETCH 1 BODY.PEEK[]<{first}.{count}>\r\n")
        line = client.line()
        assert line[line.index(b"}\r\n") + 3:-3] == body[first:first + count] and client.line().startswith(b"p")
