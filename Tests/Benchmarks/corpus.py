"""Synthetic but real-looking messages, the same on every run (seeded): plain text, alternative, HTML with links,
attachments (base64), replies and long header chains; median about 5 KiB, a few of 60-200 KiB. messages(n) yields
(is_spam, bytes) with CRLF line ends.
"""
import base64, email.utils, random, textwrap

HAM = """meeting project report budget schedule review team customer contract invoice delivery server
release version update question answer document draft comment agenda minutes friday monday office travel
train hotel lunch family photo weekend holiday school children garden music concert book library paper
research result figure table method experiment student lecture course deadline proposal grant account
statement order shipping address phone number thanks regards please attached find below discuss tomorrow
morning afternoon call plan change request issue ticket test build branch merge patch code function error
log database query index backup storage network latency memory price offer supplier quality product design
model sample factory market region country partner company management board decision vote policy security
training interview candidate position salary pension insurance doctor appointment prescription weather
rain snow summer winter holiday river mountain village street house kitchen window door table chair""".split()
SPAM = """viagra casino winner lottery prize million dollars urgent transfer bank inheritance prince confidential
click here unsubscribe free offer limited act now discount cheap pills weight loss miracle guaranteed risk
credit approved loan debt consolidate mortgage refinance rolex replica watches luxury brand meet singles hot
crypto bitcoin invest double profit earnings home work opportunity congratulations selected gift card claim
verify password suspended login security alert invoice overdue payment parcel delivery failed reschedule""".split()
GLUE = """the a of to and in that it is was for on with as at by an be this have from or had but not are which you
we they would there been has when who will more no if out so said what up its about into than them can only
other new some could time these two may then do first any my now such like our over man me even most made""".split()
NAMES = "anna bernd clara david elena frank greta hans irina jonas karin lukas maria nina otto paul rita sven tina uwe".split()
FAM = "meyer smith rossi dubois novak garcia kim tanaka silva larsen costa weber brown moreau horvat lopez park sato".split()
DOM = "example.com example.org example.net corp.test mail.test uni.test shop.test news.test".split()


def _text(r, words, n):
    out, line = [], []
    while n > 0:
        k = r.randint(5, 18)
        s = []
        for _ in range(k):
            s.append(r.choice(GLUE) if r.random() < 0.5 else words[min(len(words) - 1, int(r.expovariate(1.0) * len(words) / 4))])
        if r.random() < 0.1:
            s.insert(r.randrange(len(s)), str(r.randint(1, 99999)))
        t = " ".join(s).capitalize() + r.choice([".", ".", ".", "?", "!"])
        line.append(t)
        n -= len(t) + 1
        if r.random() < 0.2:
            out.append("\r\n".join(textwrap.wrap(" ".join(line), 72)) + "\r\n\r\n")
            line = []
    out.append("\r\n".join(textwrap.wrap(" ".join(line), 72)) + "\r\n")
    return "".join(out)


def _addr(r):
    a, f = r.choice(NAMES), r.choice(FAM)
    return "%s %s" % (a.capitalize(), f.capitalize()), "%s.%s@%s" % (a, f, r.choice(DOM))


def message(i, seed=1):
    r = random.Random(seed * 1000003 + i)
    spam = r.random() < 0.4
    words = SPAM + HAM[:20] if spam else HAM
    (fn, fa), (tn, ta) = _addr(r), _addr(r)
    subj = " ".join(r.choice(words) for _ in range(r.randint(2, 8))).capitalize()
    if r.random() < 0.15:
        subj = "=?UTF-8?B?%s?=" % base64.b64encode(("Grüße zu " + subj[:30]).encode()).decode()
    date = 1700000000 + i * 97
    h = []
    for k in range(r.randint(1, 5)):
        h.append("Received: from mx%d.%s (mx%d.%s [192.0.2.%d])\r\n\tby relay%d.%s (MTA) with ESMTPS id %010X\r\n\tfor <%s>; %s" % (
            k, r.choice(DOM), k, r.choice(DOM), r.randint(1, 254), k, r.choice(DOM), r.getrandbits(40), ta,
            email.utils.formatdate(date + 9 - k)))
    h.append("Return-Path: <%s>" % fa)
    h.append("From: %s <%s>" % (fn, fa))
    h.append("To: %s <%s>" % (tn, ta))
    if r.random() < 0.3:
        h.append("Cc: " + ",\r\n\t".join("%s <%s>" % _addr(r) for _ in range(r.randint(1, 6))))
    h.append("Subject: " + subj)
    h.append("Date: " + email.utils.formatdate(date))
    h.append("Message-ID: <%d.%08x@%s>" % (i, r.getrandbits(32), r.choice(DOM)))
    if r.random() < 0.4:
        refs = ["<%d.%08x@%s>" % (r.randrange(10000), r.getrandbits(32), r.choice(DOM)) for _ in range(r.randint(1, 6))]
        h.append("In-Reply-To: " + refs[-1])
        h.append("References: " + "\r\n\t".join(refs))
    if r.random() < 0.5:
        h.append("DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=%s; s=s1;\r\n\th=from:to:subject:date;\r\n\tbh=%s;\r\n\tb=%s" % (
            fa.split("@")[1], base64.b64encode(r.randbytes(32)).decode(),
            "\r\n\t ".join(textwrap.wrap(base64.b64encode(r.randbytes(128)).decode(), 64))))
    h.append("MIME-Version: 1.0")
    if r.random() < 0.3:
        h.append("List-Unsubscribe: <https://%s/u/%d>" % (r.choice(DOM), r.randrange(10 ** 6)))
    size = int(min(60000, max(300, r.lognormvariate(7.6, 0.9))))
    body = _text(r, words, size)
    kind = r.random()
    b = "----=_Part_%d_%08x" % (i, r.getrandbits(32))
    if kind < 0.35:
        h.append("Content-Type: text/plain; charset=UTF-8\r\nContent-Transfer-Encoding: 8bit")
        m = "\r\n".join(h) + "\r\n\r\n" + body
    else:
        html = "<html><head><style>p{font-family:Arial;font-size:12px}</style></head><body>\r\n" + "".join(
            "<p>%s</p>\r\n" % p for p in body.split("\r\n\r\n")) + "".join(
            '<p><a href="http://%s/%s?id=%d"><img src="http://%s/i/%d.png" alt="%s"></a></p>\r\n' % (
                r.choice(DOM), r.choice(words), r.randrange(10 ** 6), r.choice(DOM), r.randrange(999), r.choice(words))
            for _ in range(r.randint(0, 8))) + "</body></html>\r\n"
        alt = "--%sa\r\nContent-Type: text/plain; charset=UTF-8\r\n\r\n%s\r\n--%sa\r\nContent-Type: text/html; charset=UTF-8\r\n\r\n%s\r\n--%sa--\r\n" % (
            b, body, b, html, b)
        if kind < 0.8:
            h.append('Content-Type: multipart/alternative; boundary="%sa"' % b)
            m = "\r\n".join(h) + "\r\n\r\n" + alt
        else:
            h.append('Content-Type: multipart/mixed; boundary="%s"' % b)
            n = int(min(150000, r.lognormvariate(9.2, 1.0)))
            att = base64.b64encode(r.randbytes(n)).decode()
            att = "\r\n".join(att[k:k + 76] for k in range(0, len(att), 76))
            m = "\r\n".join(h) + "\r\n\r\n--%s\r\nContent-Type: multipart/alternative; boundary=\"%sa\"\r\n\r\n%s\r\n--%s\r\nContent-Type: application/pdf; name=\"%s.pdf\"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"%s.pdf\"\r\n\r\n%s\r\n--%s--\r\n" % (
                b, b, alt, b, r.choice(words), r.choice(words), att, b)
    return spam, m.encode("utf-8")


def messages(n, seed=1):
    for i in range(n):
        yield message(i, seed)


def write_mbox(path, n=1000, label=None, seed=1):
    """n messages as smtpload and imapload read them; label: "spam" or "ham", only those."""
    with open(path, "wb") as mbox:
        for is_spam, message in messages(n, seed):
            if label is None or is_spam == (label == "spam"):
                mbox.write(b"From x@example.com Thu Jan  1 00:00:00 2024\r\n" + message.replace(b"\r\nFrom ", b"\r\n>From ") + b"\r\n")
