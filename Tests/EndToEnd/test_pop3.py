"""POP3 as clients that nobody here wrote use it: poplib, curl, fetchmail, mpop; and the maildrop behind it."""
import hashlib, os, poplib, subprocess, uuid
import pytest
from conftest import message
from pop3_client import Pop3


def run(*command, **options):
    return subprocess.run(command, capture_output=True, timeout=60, **options)


def fill(martlet, account, count, size=0):
    """Mails into the Inbox by APPEND, in their order; returns them as they must come back."""
    client = martlet.imap(account)
    mails = []
    for number in range(count):
        body = f"This is mail {number}.\r\n.\r\n..two\r\n" + "x" * size + "\r\n"
        mails.append(message(f"number {number}", body))
        assert client.append("INBOX", None, None, mails[-1])[0] == "OK"
    client.logout()
    return mails


def inbox(martlet, account):
    """The mails of the Inbox, over IMAP."""
    client = martlet.imap(account)
    client.select("INBOX", readonly=True)
    numbers = client.search(None, "ALL")[1][0].split()
    found = [client.fetch(number, "(BODY.PEEK[])")[1][0][1] for number in numbers]
    client.logout()
    return found


@pytest.fixture
def poplib_client(martlet, account):
    client = poplib.POP3_SSL("localhost", martlet.ports["pop3s"], context=martlet.tls, timeout=20)
    client.user(account.address)
    yield client
    client.close()


# -- poplib

def test_poplib_reads_marks_and_deletes(martlet, account, poplib_client):
    mails = fill(martlet, account, 3)
    client = poplib_client
    client.pass_(account.password)
    assert client.stat() == (3, sum(map(len, mails)))
    assert client.list()[1] == [b"%d %d" % (n + 1, len(mail)) for n, mail in enumerate(mails)]
    ids = [line.split()[1] for line in client.uidl()[1]]
    assert len(set(ids)) == 3 and client.uidl(2).split()[2] == ids[1]
    for number, mail in enumerate(mails):
        assert b"\r\n".join(client.retr(number + 1)[1]) + b"\r\n" == mail
    header, _, body = mails[1].partition(b"\r\n\r\n")
    assert client.top(2, 0)[1] == header.split(b"\r\n") + [b""]
    assert client.top(2, 1)[1] == header.split(b"\r\n") + [b""] + body.split(b"\r\n")[:1]
    client.dele(2)
    assert client.stat()[0] == 2
    client.rset()
    assert client.stat()[0] == 3
    client.dele(1)
    client.noop()
    assert client.quit().startswith(b"+OK")
    assert inbox(martlet, account) == mails[1:]


def test_poplib_with_stls_and_unique_ids_that_stay(martlet, account):
    fill(martlet, account, 2)
    seen = []
    for _ in range(2):
        client = poplib.POP3("localhost", martlet.ports["pop3"], timeout=20)
        assert "STLS" in client.capa() and "USER" not in client.capa()
        client.stls(context=martlet.tls)
        assert "USER" in client.capa() and client.capa()["SASL"] == ["PLAIN"] and "STLS" not in client.capa()
        client.user(account.address)
        client.pass_(account.password)
        seen.append([line.split()[1] for line in client.uidl()[1]])
        client.quit()
    assert seen[0] == seen[1]


def test_a_delivered_mail_is_the_same_over_pop3_and_imap(martlet, account):
    subject = uuid.uuid4().hex
    martlet.send(account.address, message(subject, "one\r\n..\r\n...\r\n.x\r\nlast without end"))
    over_imap = martlet.wait_mail(account, subject)
    with Pop3(martlet, account) as client:
        assert client.stat() == (1, len(over_imap))
        over_pop3 = client.retrieve(1)
    # A message that does not end in CRLF gets one: POP3 has no other way to end it.
    assert over_pop3 in (over_imap, over_imap + b"\r\n")


# -- curl

def test_curl_lists_and_retrieves(martlet, account):
    mails = fill(martlet, account, 3)
    login = ["curl", "-s", "--cacert", martlet.ca, "-u", f"{account.address}:{account.password}"]
    url = f"pop3s://localhost:{martlet.ports['pop3s']}/"
    for options, base in ([], url), (["--ssl-reqd"], f"pop3://localhost:{martlet.ports['pop3']}/"):
        listed = run(*login, *options, base)
        assert listed.returncode == 0 and listed.stdout.split(b"\r\n")[0] == b"1 %d" % len(mails[0]), listed
        got = run(*login, *options, base + "2")
        assert got.returncode == 0 and got.stdout == mails[1]
    plain = run(*login, "--login-options", "AUTH=PLAIN", "--sasl-ir", url + "3")
    assert plain.returncode == 0 and plain.stdout == mails[2]
    assert run(*login, url + "4").returncode != 0
    assert run(*login, "--head", "-X", "DELE 1", url).returncode == 0
    assert inbox(martlet, account) == mails[1:]


def test_curl_is_refused_in_clear_text(martlet, account):
    done = run("curl", "-s", "-u", f"{account.address}:{account.password}", f"pop3://localhost:{martlet.ports['pop3']}/")
    assert done.returncode == 67


# -- fetchmail and mpop

def test_fetchmail_takes_everything_and_empties_the_maildrop(martlet, account, tmp_path):
    mails = fill(martlet, account, 5)
    config = tmp_path / "fetchmailrc"
    box = tmp_path / "box"
    config.write_text(f"""poll localhost protocol pop3 port {martlet.ports['pop3s']}
    user "{account.address}" password "{account.password}"
    ssl sslcertck sslcertfile {martlet.ca}
    mda "/bin/sh -c 'cat >>{box}; echo --end-- >>{box}'"
""")
    config.chmod(0o600)
    environment = {**os.environ, "FETCHMAILHOME": str(tmp_path), "HOME": str(tmp_path)}
    done = run("fetchmail", "-f", str(config), "--nosyslog", "-v", env=environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    text = box.read_text()
    assert text.count("--end--") == 5
    for number in range(len(mails)):
        assert f"This is mail {number}.\n.\n..two\n" in text
    assert inbox(martlet, account) == []
    again = run("fetchmail", "-f", str(config), "--nosyslog", env=environment)
    assert again.returncode == 1, again.stdout + again.stderr  # no mail


def test_mpop_leaves_mail_and_fetches_only_what_is_new(martlet, account, tmp_path):
    fill(martlet, account, 4)
    maildir = tmp_path / "maildir"
    for part in ("cur", "new", "tmp"):
        (maildir / part).mkdir(parents=True)
    config = tmp_path / "mpoprc"
    config.write_text(f"""account m
host localhost
port {martlet.ports['pop3s']}
tls on
tls_starttls off
tls_trust_file {martlet.ca}
user {account.address}
password {account.password}
auth plain
pipelining on
keep on
uidls_file {tmp_path}/uidls
delivery maildir {maildir}
received_header off
""")
    config.chmod(0o600)
    done = run("mpop", "-C", str(config), "m")
    assert done.returncode == 0, done.stderr
    assert len(list((maildir / "new").iterdir())) == 4
    fill(martlet, account, 2)
    done = run("mpop", "-C", str(config), "m")
    assert done.returncode == 0, done.stderr
    assert len(list((maildir / "new").iterdir())) == 6
    assert len(inbox(martlet, account)) == 6
    done = run("mpop", "-C", str(config), "--keep=off", "m")
    assert done.returncode == 0, done.stderr
    assert inbox(martlet, account) == []


# -- The maildrop

def test_pipelined_commands_are_answered_in_order(martlet, account):
    mails = fill(martlet, account, 30)
    with Pop3(martlet, account) as client:
        client.send("".join(f"RETR {n}\r\nDELE {n}\r\n" for n in range(1, 31)) + "STAT\r\nRSET\r\nSTAT\r\nNOOP\r\n")
        for mail in mails:
            assert client.line().startswith(b"+OK")
            assert b"".join(client.lines()) == mail
            assert client.line().startswith(b"+OK")
        answers = [client.line() for _ in range(4)]
        assert answers[0] == b"+OK 0 0\r\n" and answers[2].startswith(b"+OK 30 ")


def test_what_arrives_meanwhile_waits_for_the_next_session(martlet, account):
    fill(martlet, account, 2)
    with Pop3(martlet, account) as client:
        fill(martlet, account, 1)
        assert client.stat()[0] == 2
        client.error("RETR 3")
        client.ok("QUIT")
    with Pop3(martlet, account) as client:
        assert client.stat()[0] == 3


def test_a_deletion_is_seen_by_imap_sessions_at_once(martlet, account):
    fill(martlet, account, 3)
    imap = martlet.imap(account)
    imap.select("INBOX")
    with Pop3(martlet, account) as client:
        client.ok("DELE 2")
        client.ok("QUIT")
    imap.noop()
    assert imap.response("EXPUNGE")[1] == [b"2"]
    assert imap.search(None, "ALL")[1] == [b"1 2"]
    imap.logout()


def test_a_message_that_imap_expunged_is_gone_and_the_others_are_not(martlet, account):
    mails = fill(martlet, account, 3)
    with Pop3(martlet, account) as client:
        imap = martlet.imap(account)
        imap.select("INBOX")
        imap.store("2", "+FLAGS.SILENT", "(\\Deleted)")
        imap.expunge()
        imap.logout()
        assert client.retrieve(1) == mails[0]
        client.error("RETR 2")
        assert client.retrieve(3) == mails[2]
        for number in (1, 2, 3):
            client.ok(f"DELE {number}")
        client.ok("QUIT")
    assert inbox(martlet, account) == []


def test_fifty_megabytes_come_whole_in_bounded_memory(martlet, account):
    line = os.urandom(36).hex().encode() + b"\r\n"
    body = message("large", "") + line * (50_000_000 // len(line)) + b".end\r\n"
    client = martlet.imap(account, timeout=120)
    assert client.append("INBOX", None, None, body)[0] == "OK"
    client.logout()
    before = martlet.rss("accessd")
    with Pop3(martlet, account, timeout=60) as client:
        assert client.stat() == (1, len(body))
        assert b"".join(client.many("TOP 1 2")) == body[:body.index(b"\r\n\r\n") + 4] + line * 2
        digest, peak = hashlib.sha256(), before
        client.ok("RETR 1")
        count = 0
        while (got := client.line()) != b".\r\n":
            digest.update(got[1:] if got.startswith(b".") else got)
            count += 1
            if count % 50_000 == 0:
                peak = max(peak, martlet.rss("accessd"))
        assert digest.digest() == hashlib.sha256(body).digest()
        assert client.stat() == (1, len(body))
    assert peak - before < 24, (before, peak)
