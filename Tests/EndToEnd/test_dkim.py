"""What leaves is signed so that python3-dkim, which nobody here wrote, passes it; what must not be signed is not.

The mail host is the sink of test_relay.py; the keys are those that `martlet domain key list` prints for the DNS."""
import random, re, time, uuid
import pytest
from conftest import message
from test_relay import port, sink, submit, token  # noqa: F401 (fixtures)

dkim = pytest.importorskip("dkim", reason="python3-dkim is not installed")
pytest.importorskip("nacl", reason="python3-nacl is not installed: python3-dkim needs it for Ed25519")


def records(martlet, domain):
    """What the operator publishes, as a resolver would answer."""
    keys = martlet.cli_json("domain", "key", "list", domain)
    return {key["record"]["name"] + ".": key["record"]["value"].encode() for key in keys if key.get("record")}


def signatures(content):
    head = content.split(b"\r\n\r\n")[0]
    return re.findall(rb"^DKIM-Signature:.*(?:\r\n[ \t].*)*", head, re.M)


def verify(content, dns):
    """The outcome for each signature of the mail."""
    def lookup(name, timeout=5):
        return dns.get(name.decode() if isinstance(name, bytes) else name)
    found = []
    for index in range(len(signatures(content))):
        try:
            found.append(dkim.DKIM(content).verify(idx=index, dnsfunc=lookup))
        except dkim.DKIMException as error:
            found.append(str(error))
    return found


BODIES = {
    "plain": "Hello,\r\n\r\nsee you.\r\n",
    "white space": "a  b\t\tc \r\n \r\n\t\r\n  indented \r\n\r\n",
    "empty lines at the end": "text\r\n\r\n\r\n\r\n",
    "only empty lines": "\r\n\r\n",
    "empty": "",
    "dots": ".\r\n..\r\n.x\r\n. \r\n",
    "8 bit": "Grüße, こんにちは\r\n",
    "several chunks": "".join(f"{n} {'word ' * (n % 15)} \r\n" for n in range(30_000)) + "\r\n\r\n",
}


@pytest.mark.parametrize("kind", BODIES)
def test_both_signatures_pass(martlet, account, sink, kind):
    subject = token()
    submit(martlet, account, "u@remote.test", subject, BODIES[kind])
    [got] = sink.wait(subject)
    fields = b"\n".join(signatures(got.content))
    assert b"a=rsa-sha256;" in fields and b"a=ed25519-sha256;" in fields and b"d=example.test;" in fields
    assert verify(got.content, records(martlet, martlet.domain)) == [True, True]


def test_every_copy_of_a_mail_to_several_hosts_passes(martlet, account, sink):
    subject = token()
    submit(martlet, account, ["a@remote.test", "b@other.test", "c@implicit.test", "d@remote.test"], subject)
    dns = records(martlet, martlet.domain)
    for got in sink.wait(subject, count=3):
        assert verify(got.content, dns) == [True, True]


def test_odd_headers_pass(martlet, account, sink):
    subject = token()
    header = ("X-Folded: a\r\n b\r\n\tc\r\nList-Unsubscribe: <mailto:u@example.test>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
              "References: <a@b>\r\n  <c@d>\t<e@f>   \r\nREPLY-TO:\r\n reply@remote.test\r\nComments:\r\nComments: two\r\n")
    submit(martlet, account, "u@remote.test", subject, header=header)
    [got] = sink.wait(subject)
    assert verify(got.content, records(martlet, martlet.domain)) == [True, True]


def test_random_mails_pass(martlet, account, sink):
    chosen, seed = token(), random.randrange(1 << 32)
    rng = random.Random(seed)
    pieces = [" ", "\t", "\r\n", "  ", "word", "x", ".", "é", "\r\n\r\n", "a" * 60, ":", ";", "=20", "\r\n ", "b=", "\x0b"]
    for number in range(20):
        body = "".join(rng.choice(pieces) for _ in range(rng.randrange(40)))
        header = "".join(f"X-R{n}: {''.join(rng.choice('ab  ;=,') for _ in range(20)).strip() or 'x'}\r\n" for n in range(rng.randrange(5)))
        submit(martlet, account, "u@remote.test", f"{chosen} {number}", body, header=header)
    dns = records(martlet, martlet.domain)
    for got in sink.wait(chosen, count=20):
        assert verify(got.content, dns) == [True, True], (seed, got.content)


@pytest.mark.parametrize("change", [
    lambda mail: mail.replace(b"see you", b"see them"),
    lambda mail: mail + b"more\r\n",
    lambda mail: b"Subject: another\r\n" + mail,
    lambda mail: b"From: ceo@example.test\r\n" + mail,
    lambda mail: b"To: everybody@remote.test\r\n" + mail,
    lambda mail: b"Date: Mon, 1 Jan 2001 00:00:00 +0000\r\n" + mail,
    lambda mail: mail.replace(b"\r\n\r\n", b"\r\nReply-To: thief@remote.test\r\n\r\n", 1),
], ids=["body", "longer body", "second Subject", "second From", "second To", "second Date", "Reply-To"])
def test_a_change_on_the_way_breaks_both(martlet, account, sink, change):
    subject = token()
    submit(martlet, account, "u@remote.test", subject, BODIES["plain"])
    [got] = sink.wait(subject)
    dns = records(martlet, martlet.domain)
    assert verify(got.content, dns) == [True, True]
    outcome = verify(change(got.content), dns)
    assert len(outcome) == 2 and True not in outcome


def send_as(martlet, account, to, content):
    with martlet.smtp("submission", account) as client:
        client.ehlo()
        client.mail(account.address)
        assert client.rcpt(to)[0] == 250
        code, answer = client.data(content)
        assert code in (250, 550, 553), (code, answer)
        return code == 250


def test_nobody_gets_a_signature_under_another_name(martlet, account, second, sink):
    """RELIABILITY: alice writes as bob, as the chief of another domain here, with two From, with Sender or Resent-From."""
    hosted = f"{token()}.test"
    martlet.cli("domain", "add", hosted)
    chosen, own = token(), account.address
    heads = [
        f"From: {second.address}", f"From: ceo@{hosted}", f"From: {own}\r\nFrom: {second.address}", f"From: {own}, {second.address}",
        f"From: {own}\r\nSender: {second.address}", f"From: {own}\r\nResent-From: {second.address}", "To: u@remote.test",
        f"From : {own}", f"From: nobody-{token()}@{martlet.domain}", "From: someone@elsewhere.test",
    ]
    taken = [send_as(martlet, account, "u@remote.test", f"{head}\r\nSubject: {chosen}\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nHi\r\n".encode())
             for head in heads]
    for got in sink.wait(chosen, count=sum(taken)):
        assert signatures(got.content) == [], got.content


def test_a_mail_that_is_only_passed_on_is_not_signed(martlet, account, sink):
    alias, subject = f"{token()}@{martlet.domain}", token()
    martlet.cli("alias", "add", alias, "friend@remote.test")
    martlet.send(alias, message(subject, sender=f"Forged <{account.address}>"))
    [got] = sink.wait(subject)
    assert signatures(got.content) == []


def test_new_keys_sign_after_they_were_activated(martlet, sink):
    domain = f"{token()}.test"
    martlet.cli("domain", "add", domain)
    old = records(martlet, domain)
    address, password = f"me@{domain}", uuid.uuid4().hex
    martlet.cli("account", "add", address, "--password-stdin", input=password)
    author = type("Account", (), {"address": address, "password": password})

    def sign():
        subject = token()
        submit(martlet, author, "u@remote.test", subject)
        return sink.wait(subject)[0].content

    assert verify(sign(), old) == [True, True]
    martlet.cli("domain", "key", "rotate", domain)
    assert verify(sign(), old) == [True, True]
    both = records(martlet, domain)
    assert len(both) == 4
    # Nothing is in the DNS: refused; then without asking it.
    assert martlet.cli("domain", "key", "activate", domain, check=False).returncode == 75
    martlet.cli("domain", "key", "activate", domain, "--force")
    new = records(martlet, domain)
    assert len(new) == 2 and not set(new) & set(old)
    martlet.sv("restart", "relayd")  # keys are remembered for five minutes
    martlet.wait_ready()
    content = sign()
    assert verify(content, new) == [True, True]
    # Mail that the old keys signed is still under way: their records may stay.
    assert verify(content, both) == [True, True]
