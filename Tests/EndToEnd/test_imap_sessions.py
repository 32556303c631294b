"""Several sessions on one mailbox: who is told what, and when."""
import time
import pytest
from conftest import message
from imap_client import Imap, elapsed, numbers


@pytest.fixture
def pair(martlet, account):
    with Imap(martlet, account) as first, Imap(martlet, account) as second:
        for number in range(4):
            first.append("INBOX", message(f"mail {number}"))
        for client in (first, second):
            client.ok("SELECT INBOX")
        yield first, second


def settle(client, condition, seconds=3):
    """NOOP until the condition holds for all lines seen."""
    lines, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        lines += client.ok("NOOP")[:-1]
        if condition(lines):
            return lines
        time.sleep(0.02)
    raise AssertionError(lines)


def test_new_mail_wakes_idle_at_once(martlet, account):
    with Imap(martlet, account) as client:
        client.ok("SELECT INBOX")
        client.idle()
        martlet.send(account.address, message("wake up"))
        assert elapsed(lambda: client.line()) < 2
        client.done()
        assert "* 1 FETCH" in client.ok("FETCH 1 FLAGS")[0]


def test_idle_tells_flags_and_expunges_of_others(pair):
    first, second = pair
    second.idle()
    first.ok("STORE 2 +FLAGS (\\Deleted)")
    told = second.line()
    assert told.startswith(b"* 2 FETCH (FLAGS (") and b"\\Deleted" in told
    first.ok("EXPUNGE")
    assert second.line() == b"* 2 EXPUNGE\r\n"
    second.done()
    assert numbers(second.ok("UID SEARCH ALL")) == [1, 3, 4]


def test_no_expunge_inside_fetch_store_and_search_by_number(pair):
    first, second = pair
    first.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    first.ok("EXPUNGE")
    time.sleep(0.2)
    for command in ("FETCH 1:4 (FLAGS UID)", "STORE 2 +FLAGS (\\Flagged)", "SEARCH ALL"):
        assert not any("EXPUNGE" in line for line in second.command(command)[:-1]), command
    assert numbers(second.ok("SEARCH ALL")) == [1, 2, 3, 4]
    assert second.command("FETCH 1 RFC822.SIZE")[-1].startswith("NO [EXPUNGEISSUED]")
    assert "* 2 FETCH (FLAGS (\\Flagged) UID 2)" in [line.replace("\\Recent ", "").replace(" \\Recent", "") for line in second.ok("FETCH 2 (FLAGS UID)")]
    assert "* 1 EXPUNGE" in second.ok("UID FETCH 1:* FLAGS")
    assert numbers(second.ok("SEARCH ALL")) == [1, 2, 3]


def test_what_was_read_before_is_told_the_same_again_and_not_after_an_expunge(pair):
    first, second = pair
    items = "(UID ENVELOPE RFC822.SIZE INTERNALDATE BODYSTRUCTURE BODY.PEEK[HEADER.FIELDS (SUBJECT)])"
    short = first.ok("FETCH 1:4 ENVELOPE")
    told = first.ok(f"FETCH 1:4 {items}")[:-1]
    for client in (first, second, second):
        assert client.ok("FETCH 1:4 ENVELOPE")[:-1] == short[:-1]
        assert client.ok(f"FETCH 1:4 {items}")[:-1] == told
        assert client.ok(f"FETCH 2:3 {items}")[:-1] == told[1:3]
        assert numbers(client.ok('SEARCH SUBJECT "MAIL 2"')) == [3]
        assert numbers(client.ok('SEARCH OR SUBJECT "mail 0" LARGER 1')) == [1, 2, 3, 4]
    first.ok("STORE 3 +FLAGS.SILENT (\\Deleted)")
    first.ok("EXPUNGE")
    time.sleep(0.2)
    assert numbers(second.ok('SEARCH SUBJECT "mail 2"')) == []
    assert second.command("FETCH 3 ENVELOPE")[-1].startswith("NO [EXPUNGEISSUED]")
    second.ok("NOOP")
    assert second.ok(f"FETCH 1:2 {items}")[:-1] == told[:2]


def test_a_fetch_of_many_bodies_keeps_their_order(martlet, account):
    """More than is read at once, one that is streamed among them, one that another session expunged."""
    sizes = [40_000] * 30
    sizes[14] = 700_000
    mails = [message(f"mail {number}", "x" * 70 + "\r\n" + f"{number:9}\r\n" * (size // 11)) for number, size in enumerate(sizes, 1)]
    with Imap(martlet, account) as first, Imap(martlet, account) as second:
        for mail in mails:
            first.append("INBOX", mail)
        for client in (first, second):
            client.ok("SELECT INBOX")
        first.ok("STORE 21 +FLAGS.SILENT (\\Deleted)")
        first.ok("EXPUNGE")
        for items in ("(UID BODY.PEEK[])", "(UID BODY.PEEK[TEXT] RFC822.SIZE)"):
            lines = second.command(f"FETCH 1:* {items}")
            assert lines[-1].startswith("NO [EXPUNGEISSUED]")
            assert [int(line.split()[1]) for line in lines[:-1]] == [n for n in range(1, 31) if n != 21]
            for line in lines[:-1]:
                mail = mails[int(line.split()[1]) - 1].decode()
                assert (mail if "[]" in items else mail[mail.index("\r\n\r\n") + 4:]) in line


def test_a_silent_store_is_silent_for_its_session_only(pair):
    first, second = pair
    assert first.ok("STORE 1:4 +FLAGS.SILENT (\\Seen)") == ["OK STORE completed"]
    assert first.ok("NOOP") == ["OK NOOP completed"]
    lines = settle(second, lambda lines: len(lines) >= 4)
    assert all("\\Seen" in line for line in lines)


def test_a_silent_store_hides_nothing_that_another_session_did(pair):
    first, second = pair
    second.ok("STORE 1 +FLAGS (\\Flagged)")
    told = first.ok("STORE 1 +FLAGS.SILENT (\\Seen)") + first.ok("NOOP")
    assert any(line.startswith("* 1 FETCH") and "\\Flagged" in line and "\\Seen" in line for line in told), told


def test_a_store_that_changes_nothing_tells_the_flags_as_they_are(pair, martlet, account):
    """Another host has set \\Seen, and no hint has told so yet."""
    first, _ = pair
    martlet.sql("WITH box AS (UPDATE mailbox SET modseq = modseq + 1, unseen = unseen - 1 FROM account"
                f" WHERE account.address = '{account.address}' AND mailbox.account_id = account.account_id AND mailbox.name = 'INBOX'"
                " RETURNING mailbox.account_id, mailbox_id, modseq)"
                " UPDATE mailbox_message m SET flags = flags | 1, modseq = box.modseq FROM box"
                " WHERE m.account_id = box.account_id AND m.mailbox_id = box.mailbox_id AND m.uid = 1")
    assert any(line.startswith("* 1 FETCH") and "\\Seen" in line for line in first.ok("STORE 1 +FLAGS (\\Seen)"))


def test_a_store_of_messages_that_are_gone_says_so(pair):
    first, second = pair
    first.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    first.ok("EXPUNGE")
    lines = second.command("STORE 1 +FLAGS (\\Flagged)")
    assert lines[-1].startswith("NO [EXPUNGEISSUED]") and not any("* 1 FETCH" in line for line in lines), lines
    assert any(line.startswith("* 2 FETCH") for line in second.ok("STORE 1:2 +FLAGS (\\Flagged)"))


def test_deleting_the_selected_mailbox_ends_the_other_session(martlet, account):
    with Imap(martlet, account) as first, Imap(martlet, account) as second:
        first.ok("CREATE shared")
        second.ok("SELECT shared")
        second.idle()
        first.ok("DELETE shared")
        assert second.line().startswith(b"* BYE")


def test_uids_rise_over_delete_and_append_by_many(martlet, account):
    clients = [Imap(martlet, account) for _ in range(4)]
    uids = []
    for round in range(5):
        for client in clients:
            uids.append(int(client.append("INBOX", message(f"r{round}")).split("APPENDUID ")[1].split()[1].rstrip("]")))
        clients[0].ok("SELECT INBOX")
        clients[0].ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
        clients[0].ok("CLOSE")
    assert uids == sorted(set(uids)) == list(range(1, 21))
    for client in clients:
        client.socket.close()


def test_a_killed_session_leaves_whole_messages_only(martlet, account):
    body = message("cut", "x" * 70 + "\r\n") + b"y" * 500_000
    with Imap(martlet, account) as client:
        client.send(f"a APPEND INBOX {{{len(body)}}}\r\n")
        assert client.line().startswith(b"+")
        client.send(body[:400_000])
    with Imap(martlet, account) as client:
        assert "(MESSAGES 0 UIDNEXT 1)" in client.ok("STATUS INBOX (MESSAGES UIDNEXT)")[0]
