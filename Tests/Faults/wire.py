"""Clients that know exactly what they have sent and what they have read, and how long each answer took."""
import base64, hashlib, random, re, socket, time

SUBJECT = re.compile(rb"^Subject: fault ([0-9a-f]{20})\r?$", re.M)


class Gone(Exception):
    """The connection ended, or the answer did not come in time."""


def content(token, sender, to, size, rng):
    """A mail with its token in the subject, the text and an attachment, lines that want dot-stuffing, and the hash of its body."""
    words = ["meeting", "harbour", "report", "Tuesday", "please", "invoice", "garden", "draft", "train", "number"]
    lines, length = [f"token {token} in the text", ".", "..two dots", "From here on, filler:"], 0
    while length < size:
        line = " ".join(rng.choices(words, k=9)) + " " + format(rng.getrandbits(64), "x")
        lines.append(line)
        length += len(line) + 2
    text = "\r\n".join(lines)
    attachment = base64.b64encode(f"token {token} in the attachment ".encode() + rng.randbytes(96))
    edge = f"edge-{token}"
    body = (f"--{edge}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n--{edge}\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Disposition: attachment; filename={token}.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n").encode()
    body += attachment[:76] + b"\r\n" + attachment[76:] + f"\r\n--{edge}--\r\n".encode()
    head = (f"From: {sender}\r\nTo: {to}\r\nSubject: fault {token}\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
            f"Message-ID: <{token}@load.test>\r\nX-Body-SHA256: {hashlib.sha256(body).hexdigest()}\r\nMIME-Version: 1.0\r\n"
            f"Content-Type: multipart/mixed; boundary={edge}\r\n\r\n")
    return head.encode() + body


def new_token(rng=None):
    return format((rng or random.SystemRandom()).getrandbits(80), "020x")


class Line:
    """A socket that reads lines; every failure of it is `Gone`. `server` has an address and ports by name."""

    def __init__(self, server, port, timeout):
        self.buffer = b""
        try:
            self.socket = socket.create_connection((server.address, server.ports[port]), timeout=timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise Gone(f"connect: {error}") from None

    def secure(self, context):
        try:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        except OSError as error:
            raise Gone(f"TLS: {error}") from None

    def send(self, data):
        try:
            self.socket.sendall(data if isinstance(data, bytes) else data.encode())
        except OSError as error:
            raise Gone(f"send: {error}") from None

    def line(self):
        while (end := self.buffer.find(b"\n")) < 0:
            self._fill()
        line, self.buffer = self.buffer[:end + 1], self.buffer[end + 1:]
        return line

    def octets(self, count):
        while len(self.buffer) < count:
            self._fill()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def _fill(self):
        try:
            more = self.socket.recv(65536)
        except OSError as error:
            raise Gone(f"receive: {error}") from None
        if not more:
            raise Gone("closed")
        self.buffer += more

    def close(self):
        try:
            self.socket.close()
        except OSError:
            pass


class SMTP(Line):
    def __init__(self, server, port="smtp", timeout=30, tls=None, login=None, slow=None):
        super().__init__(server, port, timeout)
        implicit = port == "submissions"
        self.slow = slow or (lambda seconds, what, reply: None)
        try:
            if implicit:
                self.secure(tls)
            self.expect(220, self.reply("greeting"))
            self.command("EHLO client.load.test", 250)
            if tls and not implicit:
                self.command("STARTTLS", 220)
                self.secure(tls)
                self.command("EHLO client.load.test", 250)
            if login:
                secret = base64.b64encode(f"\0{login[0]}\0{login[1]}".encode()).decode()
                self.command(f"AUTH PLAIN {secret}", 235)
        except BaseException:
            self.close()
            raise

    def reply(self, what):
        started, lines = time.monotonic(), []
        while True:
            line = self.line().decode("latin-1").rstrip()
            lines.append(line[4:])
            if line[3:4] != "-":
                code = int(line[:3])
                self.slow(time.monotonic() - started, what, code)
                return code, "\n".join(lines)

    def expect(self, code, reply):
        if reply[0] != code:
            self.close()
            raise Gone(f"{reply[0]} {reply[1]}")
        return reply

    def command(self, text, code=None):
        self.send(text + "\r\n")
        reply = self.reply(text.split()[0])
        return self.expect(code, reply) if code else reply

    def deliver(self, ledger, mail, data, sender, recipients, before_dot=None):
        """One transaction, all of it in the ledger. False: refused, the session goes on."""
        ledger.planned(mail)
        try:
            for text in [f"MAIL FROM:<{sender}>", *[f"RCPT TO:<{address}>" for address in recipients], "DATA"]:
                code, answer = self.command(text)
                if code // 100 not in (2, 3):
                    ledger.answer(mail, code, answer)
                    if code != 421:
                        self.command("RSET")
                    return False
            wire = re.sub(rb"(?m)^\.", b"..", data)
            if before_dot:
                half = len(wire) // 2
                self.send(wire[:half])
                before_dot()
                self.send(wire[half:])
            else:
                self.send(wire)
            ledger.eod(mail)
            self.send(b".\r\n")
            code, answer = self.reply("end of DATA")
        except Gone as error:
            ledger.lost(mail, error)
            self.close()
            raise
        ledger.answer(mail, code, answer)
        return mail.acked

    def quit(self):
        try:
            self.send("QUIT\r\n")
            self.line()
        except Gone:
            pass
        self.close()


class IMAP(Line):
    def __init__(self, system, account, timeout=30, slow=None):
        super().__init__(system, "imaps", timeout)
        self.slow = slow or (lambda seconds, what, reply: None)
        self.count = 0
        try:
            self.secure(system.tls)
            greeting = self.response()
            if not greeting.startswith(b"* OK"):
                raise Gone(greeting[:100].decode("latin-1"))
            self.ok(f"LOGIN {account.address} {account.password}")
        except BaseException:
            self.close()
            raise

    def response(self):
        whole = part = self.line()
        while literal := re.search(rb"\{(\d+)\}\r\n$", part):
            whole += self.octets(int(literal[1]))
            part = self.line()
            whole += part
        return whole

    def start(self, text):
        self.count += 1
        self.send(f"a{self.count} {text}\r\n")

    def finish(self, what=""):
        """The untagged responses and the tagged one, which begins with OK, NO or BAD."""
        started, tag, lines = time.monotonic(), f"a{self.count} ".encode(), []
        while True:
            line = self.response()
            if line.startswith(tag):
                result = line[len(tag):].decode("latin-1").strip()
                self.slow(time.monotonic() - started, what, result)
                return lines, result
            lines.append(line)

    def command(self, text):
        self.start(text)
        return self.finish(text.split()[0])

    def ok(self, text):
        lines, result = self.command(text)
        if not result.startswith("OK"):
            raise Gone(f"{text.split()[0]}: {result}")
        return lines, result

    def append(self, ledger, mail, mailbox, data):
        ledger.planned(mail)
        try:
            self.start(f'APPEND "{mailbox}" {{{len(data)}}}')
            line = self.response()
            if not line.startswith(b"+"):
                ledger.answer(mail, "NO", line.decode("latin-1").strip())
                return None
            self.send(data)
            ledger.eod(mail)
            self.send(b"\r\n")
            _, result = self.finish("APPEND")
        except Gone as error:
            ledger.lost(mail, error)
            self.close()
            raise
        ledger.answer(mail, result.split()[0], result)
        return result

    def logout(self):
        try:
            self.command("LOGOUT")
        except Gone:
            pass
        self.close()


class POP3(Line):
    def __init__(self, system, account, timeout=30, slow=None):
        super().__init__(system, "pop3s", timeout)
        self.slow = slow or (lambda seconds, what, reply: None)
        try:
            self.secure(system.tls)
            self.status("greeting")
            self.ok(f"USER {account.address}")
            self.ok(f"PASS {account.password}")
        except BaseException:
            self.close()
            raise

    def status(self, what):
        started = time.monotonic()
        line = self.line().decode("latin-1").strip()
        self.slow(time.monotonic() - started, what, line)
        if not line.startswith("+OK"):
            raise Gone(f"{what}: {line}")
        return line

    def ok(self, text):
        self.send(text + "\r\n")
        return self.status(text.split()[0])

    def retrieve(self, number):
        self.ok(f"RETR {number}")
        lines = []
        while (line := self.line()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)


def token_of(data):
    """The token in the subject of the mail itself, and whether the mail is a report about another one."""
    head, _, rest = data.partition(b"\r\n\r\n")
    if found := SUBJECT.search(head):
        return found[1].decode(), False
    if b"multipart/report" in head and (found := SUBJECT.search(rest)):
        return found[1].decode(), True
    return None, False
