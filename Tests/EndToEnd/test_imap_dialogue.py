"""IMAP as RFC 3501 and its extensions tell it: transcripts against the running accessd, every response parsed strictly."""
import base64, random, re, time
import pytest
from strict_imap import Session

NESTED = b"""From: Ann <ann@a.test>
To: bob@example.test, =?utf-8?q?J=C3=B6rg?= <j@b.test>
Cc: grp: x@y.test, z@y.test;
Subject: =?utf-8?q?caf=C3=A9?= nested
Date: Tue, 01 Feb 2022 10:11:12 +0100
Message-ID: <m1@a.test>
X-Long: a
\tb
 c
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="bb"

preamble
--bb
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Hello caf=C3=A9 w=
orld
--bb
Content-Type: message/rfc822
Content-Description: enclosed

From: in@in.test
Subject: inner
Content-Type: multipart/alternative; boundary=cc

--cc

plain inner
--cc
Content-Type: text/html
Content-Language: de, en

<b>html inner</b>
--cc--

--bb
Content-Type: application/octet-stream; name="a b.bin"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="a b.bin"
Content-ID: <cid@x>
Content-MD5: abc

AAECAwQ=
--bb--
epilogue
""".replace(b"\n", b"\r\n")


@pytest.fixture
def imap(martlet, account):
    with Session(martlet, account) as session:
        yield session


@pytest.fixture
def box(imap):
    imap.ok("CREATE box")
    imap.ok("SELECT box")
    return imap


def plain_flags(items):
    return sorted(flag for flag in items["FLAGS"] if flag != "\\Recent")


def test_login_needs_tls_and_works_in_every_form(martlet, account):
    with Session(martlet, port="imap") as session:
        assert b"STARTTLS" in session.greeting and b"LOGINDISABLED" in session.greeting
        right = session.no(f"LOGIN {account.address} {account.password}")
        wrong = session.no("LOGIN nobody@example.test wrong")
        assert b"PRIVACYREQUIRED" in right and right.split(b" ", 1)[1] == wrong.split(b" ", 1)[1]
        session.bad("SELECT INBOX")
        session.ok("STARTTLS")
        session.start_tls()
        session.bad("STARTTLS")
        session.ok(f"LOGIN {account.address} {account.password}")
        session.bad(f"LOGIN {account.address} {account.password}")
        session.ok("LOGOUT")
    secret = base64.b64encode(f"\0{account.address}\0{account.password}".encode()).decode()
    user, password = account.address.encode(), account.password.encode()
    with Session(martlet) as session:
        session.ok(f"AUTHENTICATE PLAIN {secret}")
    with Session(martlet) as session:
        tag = session.tag()
        session.send(tag + b" AUTHENTICATE PLAIN\r\n")
        assert session.response() == b"+ "
        session.send(secret + "\r\n")
        assert session.finish(tag)[0] == "OK"
    for plus in (False, True):
        with Session(martlet) as session:
            session.ok("LOGIN {} {}", user, password, plus=plus)
    with Session(martlet) as session:
        for answer in ("*", "!!!"):
            tag = session.tag()
            session.send(tag + b" AUTHENTICATE PLAIN\r\n")
            session.response()
            session.send(answer + "\r\n")
            assert session.finish(tag)[0] == "BAD"
        assert b"AUTHENTICATIONFAILED" in session.no(f"LOGIN {account.address} wrong")


def test_appended_bytes_come_back_exactly_in_every_form(box):
    mails = [NESTED, b"x", b"\r\n", b"From x\r\nA: b\r\n\r\n..\r\n.\r\n", b"Subject: \xff\xfez\r\n\r\n\x80\x81\x1a\r\n",
             b"no colon at all\r\nmore\r\n", b"A: b\r\n\r\n" + b"x" * 300_000]
    for number, mail in enumerate(mails, 1):
        box.ok("APPEND box {}", mail, plus=number % 2 == 0)
        items = box.fetch(f"FETCH {number} (BODY.PEEK[] RFC822.SIZE BODY.PEEK[HEADER] BODY.PEEK[TEXT] RFC822.HEADER"
                          " BODYSTRUCTURE BODY ENVELOPE FLAGS)")[number]
        assert items["BODY[]"] == mail and int(items["RFC822.SIZE"]) == len(mail)
        assert items["BODY[HEADER]"] + items["BODY[TEXT]"] == mail and items["RFC822.HEADER"] == items["BODY[HEADER]"]
        assert "\\Seen" not in items["FLAGS"]
        for offset, count in ((0, 10), (5, 3), (len(mail) - 1, 10), (len(mail), 10), (0, 4294967295), (4294967295, 4294967295)):
            assert box.one(f"FETCH {number} BODY.PEEK[]<{offset}.{count}>") == mail[offset:offset + count]
    items = box.fetch("FETCH 1 RFC822")[1]
    assert items["RFC822"] == NESTED and "\\Seen" in items["FLAGS"]


def test_sections_of_a_nested_mail(box):
    box.ok("APPEND box {}", NESTED)
    inner = NESTED[NESTED.index(b"From: in@"):NESTED.index(b"\r\n--bb\r\nContent-Type: application")]
    split = inner.index(b"\r\n\r\n") + 4
    sections = {
        "1": b"Hello caf=C3=A9 w=\r\norld",
        "1.MIME": b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
        "2": inner, "2.HEADER": inner[:split], "2.TEXT": inner[split:],
        "2.MIME": b"Content-Type: message/rfc822\r\nContent-Description: enclosed\r\n\r\n",
        "2.HEADER.FIELDS (subject)": b"Subject: inner\r\n\r\n",
        "2.1": b"plain inner", "2.1.MIME": b"\r\n", "2.2": b"<b>html inner</b>",
        "2.2.MIME": b"Content-Type: text/html\r\nContent-Language: de, en\r\n\r\n",
        "3": b"AAECAwQ=",
        "HEADER.FIELDS (SUBJECT x-long)": b"Subject: =?utf-8?q?caf=C3=A9?= nested\r\nX-Long: a\r\n\tb\r\n c\r\n\r\n",
        "HEADER.FIELDS (nothing)": b"\r\n",
        "HEADER.FIELDS.NOT (from to cc subject date message-id x-long content-type)": b"MIME-Version: 1.0\r\n\r\n",
    }
    for section, octets in sections.items():
        assert box.one(f"UID FETCH 1 BODY.PEEK[{section}]") == octets, section
    for missing in ("4", "2.3", "3.1", "1.HEADER", "9.MIME"):
        assert box.one(f"FETCH 1 BODY.PEEK[{missing}]") in (None, b""), missing
    items = box.fetch("FETCH 1 (BODYSTRUCTURE ENVELOPE)")[1]
    text, message, attachment, *rest = items["BODYSTRUCTURE"]
    assert text[:8] == [b"TEXT", b"PLAIN", [b"CHARSET", b"utf-8"], None, None, b"QUOTED-PRINTABLE", "24", "1"]
    assert message[:2] == [b"MESSAGE", b"RFC822"] and message[4] == b"enclosed" and message[6] == str(len(inner))
    assert message[7][1] == b"inner" and message[8][2] == b"ALTERNATIVE" and message[8][1][10] == [b"de", b"en"]
    assert attachment[:10] == [b"APPLICATION", b"OCTET-STREAM", [b"NAME", b"a b.bin"], b"<cid@x>", None, b"BASE64", "8",
                               b"abc", [b"ATTACHMENT", [b"FILENAME", b"a b.bin"]], None]
    assert rest == [b"MIXED", [b"BOUNDARY", b"bb"], None, None, None]
    envelope = items["ENVELOPE"]
    assert envelope[0] == b"Tue, 01 Feb 2022 10:11:12 +0100" and envelope[2] == envelope[3] == envelope[4]
    assert envelope[5] == [[None, None, b"bob", b"example.test"], [b"=?utf-8?q?J=C3=B6rg?=", None, b"j", b"b.test"]]
    assert envelope[6][0] == [None, None, b"grp", None] and envelope[6][-1] == [None] * 4


def test_flags_and_expunge(box):
    for number in range(5):
        box.ok(f'APPEND box (\\Seen kw{number}) "01-Feb-2020 03:04:05 +0200" {{}}', b"A: b\r\n\r\n")
    items = box.fetch("FETCH 1:5 (FLAGS INTERNALDATE UID)")
    assert plain_flags(items[1]) == ["\\Seen", "kw0"] and items[1]["INTERNALDATE"] == b"01-Feb-2020 01:04:05 +0000"
    assert plain_flags(box.fetch("STORE 1 +FLAGS (\\Flagged KW0 new)")[1]) == ["\\Flagged", "\\Seen", "kw0", "new"]
    assert plain_flags(box.fetch("STORE 1 -FLAGS (kw0 nosuch)")[1]) == ["\\Flagged", "\\Seen", "new"]
    assert plain_flags(box.fetch("STORE 1 FLAGS ()")[1]) == []
    assert not box.fetch("UID STORE 2:3 FLAGS.SILENT (\\Deleted)")
    assert box.fetch("UID STORE 2 -FLAGS \\Deleted")[2]["UID"] == "2"
    for command in ("STORE 9 FLAGS ()", "STORE 1 FLAGS (\\Recent)", "FETCH 6 FLAGS", "FETCH 0 FLAGS"):
        box.bad(command)
    box.ok("UID FETCH 99 FLAGS")
    box.ok("UID STORE 99 FLAGS ()")
    assert [r for r in box.ok("EXPUNGE") if b"EXPUNGE" in r] == [b"* 3 EXPUNGE"]
    box.ok("EXAMINE box")
    box.no("STORE 1 FLAGS (\\Seen)")
    box.no("EXPUNGE")
    box.fetch("FETCH 1 BODY[]")
    assert plain_flags(box.fetch("FETCH 1 FLAGS")[1]) == []


def test_an_empty_mailbox_takes_every_set_with_a_star(box):
    for command in ("FETCH 1:* FLAGS", "UID FETCH 1:* FLAGS", "SEARCH 1:*", "STORE 1:* FLAGS (\\Seen)", "UID COPY 1:* INBOX"):
        box.ok(command)


def test_copy_and_move_tell_the_new_uids(box):
    box.ok("CREATE other")
    for number in range(10):
        box.ok(f"APPEND box (k{number % 3}) {{}}", b"A: %d\r\n\r\n" % number)
    line, _ = box.expect("OK", "COPY 2,4,6:8 other")
    assert re.search(rb"\[COPYUID \d+ 2,4,6:8 1:5\]", line)
    untagged = box.ok("UID MOVE 1:3 other")
    assert re.search(rb"\[COPYUID \d+ 1:3 6:8\]", untagged[0]) and sum(b"EXPUNGE" in r for r in untagged) == 3
    for command in ("COPY 1 nosuch", "MOVE 1 nosuch"):
        assert b"TRYCREATE" in box.no(command)
    for plus in (False, True):
        assert b"TRYCREATE" in box.no("APPEND nosuch {}", b"x", plus=plus)
    box.ok("COPY 1:* box")
    box.ok("SELECT other")
    items = box.fetch("FETCH 1:* (FLAGS BODY.PEEK[])")
    assert len(items) == 8 and items[1]["BODY[]"] == b"A: 1\r\n\r\n" and "k1" in items[1]["FLAGS"]


def test_search_agrees_with_the_mails(box):
    mails = []
    for i in range(30):
        mail = (f"From: user{i}@x.test\r\nTo: Bob <bob@example.test>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= {i}\r\n"
                f"Date: {i + 1} Mar 2021 23:30:00 -0500\r\nX-N: v{i % 4}\r\n\r\nbody number {i} café\r\n").encode()
        flag = ["\\Seen", "\\Flagged", "$kw", ""][i % 4]
        box.ok(f'APPEND box ({flag}) "{i + 1:02}-Apr-2021 12:00:00 +0000" {{}}', mail)
        mails.append(len(mail))

    def which(condition):
        return [i + 1 for i in range(30) if condition(i)]

    for query, expected in {
        "ALL": which(lambda i: True), "SEEN": which(lambda i: i % 4 == 0), "UNSEEN FLAGGED": which(lambda i: i % 4 == 1),
        "KEYWORD $KW": which(lambda i: i % 4 == 2), "UNKEYWORD $kw": which(lambda i: i % 4 != 2), "OLD": [],
        "FROM user1": which(lambda i: str(i).startswith("1")), "FROM USER1@X.test": [2], "HEADER X-N v2": which(lambda i: i % 4 == 2),
        'HEADER X-N ""': which(lambda i: True), 'HEADER X-None ""': [], 'BODY "number 3"': [4], "BODY user1": [],
        'TEXT "X-N: v3"': which(lambda i: i % 4 == 3), "SINCE 10-Apr-2021": which(lambda i: i >= 9), "ON 10-Apr-2021": [10],
        "BEFORE 10-Apr-2021": which(lambda i: i < 9), "SENTON 10-Mar-2021": [10], "SENTSINCE 10-Mar-2021": which(lambda i: i >= 9),
        "SENTBEFORE 10-Mar-2021": which(lambda i: i < 9), f"LARGER {mails[0]}": which(lambda i: mails[i] > mails[0]),
        f"SMALLER {mails[15]}": which(lambda i: mails[i] < mails[15]), "NOT ALL": [], "*": [30], "5:7,2": [2, 5, 6, 7],
        "OR (SEEN 1:9) NOT 5:*": which(lambda i: (i % 4 == 0 and i < 9) or i < 4), "UID 28:*": [28, 29, 30], "YOUNGER 10": [],
        "TO bob SUBJECT 3 NOT FROM user3 BODY number": which(lambda i: "3" in str(i) and not str(i).startswith("3")),
    }.items():
        assert box.search(query) == expected, query
    assert box.search("SUBJECT {}", "grüße 7".encode()) == [8]
    assert box.search("CHARSET UTF-8 BODY {}", "CAFÉ".encode()) == which(lambda i: True)
    assert b"BADCHARSET" in box.no("SEARCH CHARSET x ALL")
    extended = box.ok("UID SEARCH RETURN (MIN MAX COUNT ALL) SEEN")[-1]
    assert re.fullmatch(rb'\* ESEARCH \(TAG "t\d+"\) UID MIN 1 MAX 29 COUNT 8 ALL 1,5,9,13,17,21,25,29', extended)


def test_mailboxes_are_made_listed_renamed_and_deleted(imap):
    imap.ok("CREATE a/b/c")
    assert sorted(imap.names('LIST "" a*')) == ["a", "a/b", "a/b/c"]
    assert imap.names('LIST "" "%"')[0] == "INBOX" and imap.names("LIST a/ %") == ["a/b"] and imap.names('LIST "" inbox') == ["INBOX"]
    for command in ("CREATE a/b", "CREATE inbox", "DELETE INBOX", "DELETE nosuch", "RENAME nosuch x", "SELECT nosuch"):
        imap.no(command)
    imap.ok("SUBSCRIBE a/b/c")
    assert "a/b/c" in imap.names('LSUB "" *') and any(b"Noselect" in r for r in imap.ok('LSUB "" "a/%"'))
    imap.ok("RENAME a b")
    assert sorted(imap.names('LIST "" b*')) == ["b", "b/b", "b/b/c"]
    before = re.search(rb"UIDVALIDITY (\d+)", imap.ok("STATUS b (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)")[0])
    for name in ("b/b/c", "b/b", "b"):
        imap.ok(f"DELETE {name}")
    imap.ok("CREATE b")
    after = re.search(rb"UIDVALIDITY (\d+)", imap.ok("STATUS b (UIDVALIDITY)")[0])
    assert int(after.group(1)) > int(before.group(1))
    assert imap.ok('LIST "" ""') == [b'* LIST (\\Noselect) "/" ""'] and len(imap.ok('LIST (SPECIAL-USE) "" *')) == 5
    assert any(r.startswith(b"* STATUS") for r in imap.ok('LIST "" % RETURN (STATUS (MESSAGES) SUBSCRIBED CHILDREN)'))
    for command in ("NAMESPACE", "ID NIL", 'ID ("name" "x")', "ENABLE X", "CAPABILITY"):
        imap.ok(command)


def test_sessions_hear_of_each_other(martlet, account, box):
    with Session(martlet, account) as other:
        other.ok("SELECT box")
        box.ok("APPEND box {}", b"1")
        assert b"* 1 EXISTS" in other.ok("NOOP")
        for mail in (b"2", b"3"):
            box.ok("APPEND box {}", mail)
        other.ok("NOOP")
        box.ok("STORE 2 +FLAGS (\\Flagged)")
        assert any(b"* 2 FETCH (FLAGS" in r for r in other.ok("NOOP"))
        box.ok("STORE 1 +FLAGS (\\Deleted)")
        box.ok("EXPUNGE")
        # RFC 3501 7.4.1: not while a FETCH by sequence number runs.
        assert not any(b"EXPUNGE" in r for r in other.command("FETCH 1:3 (UID FLAGS)")[2])
        assert b"* 1 EXPUNGE" in other.ok("NOOP")
        tag, started = other.idle(), time.monotonic()
        box.ok("APPEND box {}", b"4")
        assert other.response() == b"* 3 EXISTS" and time.monotonic() - started < 2
        assert b"RECENT" in other.response()
        box.ok("STORE 1 +FLAGS (\\Deleted)")
        assert b"FETCH" in other.response()
        box.ok("EXPUNGE")
        assert other.response() == b"* 1 EXPUNGE"
        assert other.done(tag)[0] == "OK"


def test_commands_in_one_write_and_byte_by_byte(martlet, account, imap):
    imap.send(b"".join(b"p%d NOOP\r\n" % i for i in range(500)))
    for i in range(500):
        assert imap.response().startswith(b"p%d OK" % i)
    with Session(martlet) as session:
        for byte in f"x1 LOGIN {{{len(account.address)}}}\r\n".encode():
            session.send(bytes([byte]))
        assert session.response().startswith(b"+ ")
        for byte in f'{account.address} "{account.password}"\r\nx2 NOOP\r\nx3 LOGOUT\r\n'.encode():
            session.send(bytes([byte]))
        answers = session.until_closed()
        assert all(word in answers for word in (b"x1 OK", b"x2 OK", b"* BYE", b"x3 OK"))


def test_a_large_mail_is_appended_and_cut_out_of(box):
    mail = b"Subject: big\r\n\r\n" + base64.encodebytes(random.Random(1).randbytes(8_000_000)).replace(b"\n", b"\r\n")
    box.ok("APPEND box {}", mail)
    assert box.one("FETCH 1 BODY.PEEK[]") == mail
    assert box.one("FETCH 1 BODY.PEEK[TEXT]") == mail[16:]
    for offset in (262_140, 524_288, len(mail) - 5):
        assert box.one(f"FETCH 1 BODY.PEEK[]<{offset}.20>") == mail[offset:offset + 20]
