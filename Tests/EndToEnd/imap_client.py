"""A bare IMAP client for transcripts: sends what it is told, returns lines with their literals."""
import re, socket, time


class Imap:
    def __init__(self, martlet, account=None, port="imaps", timeout=20):
        self.socket = socket.create_connection(("localhost", martlet.ports[port]), timeout=timeout)
        if port == "imaps":
            self.socket = martlet.tls.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")
        self.count = 0
        self.greeting = self.line()
        if account:
            self.ok(f"LOGIN {account.address} {account.password}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def starttls(self, martlet):
        self.ok("STARTTLS")
        self.socket = martlet.tls.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def line(self):
        """One response with its literals; empty at the end of the connection."""
        whole = part = self.file.readline()
        while literal := re.search(rb"\{(\d+)\}\r\n$", part):
            whole += self.file.read(int(literal[1]))
            part = self.file.readline()
            whole += part
        return whole

    def until(self, tag):
        lines = []
        while True:
            line = self.line()
            assert line, f"connection closed after {lines[-3:]}"
            lines.append(line.decode("utf-8", "surrogateescape").removesuffix("\r\n"))
            if lines[-1].startswith(tag + " "):
                return lines

    def command(self, text, literal=None):
        """All lines of the answer; the last is the tagged one, without its tag."""
        self.count += 1
        tag = f"a{self.count}"
        self.send(tag.encode() + b" " + (text if isinstance(text, bytes) else text.encode()) + b"\r\n")
        if literal is not None:
            line = self.line()
            if not line.startswith(b"+"):
                return [line.decode().strip().removeprefix(tag + " ")]
            self.send(literal + b"\r\n")
        lines = self.until(tag)
        lines[-1] = lines[-1].removeprefix(tag + " ")
        return lines

    def ok(self, text, literal=None):
        lines = self.command(text, literal)
        assert lines[-1].startswith("OK"), (text, lines)
        return lines

    def append(self, mailbox, message, options=""):
        return self.ok(f"APPEND {mailbox} {options}{{{len(message)}}}", message)[-1]

    def idle(self):
        self.send("idle IDLE\r\n")
        line = self.line()
        assert line.startswith(b"+"), line

    def done(self):
        self.send("DONE\r\n")
        return self.until("idle")

    def rest(self, seconds=5):
        """What still comes until the server closes; asserts that it does."""
        self.socket.settimeout(seconds)
        data = b""
        try:
            while piece := self.socket.recv(65536):
                data += piece
        except ConnectionError:
            pass
        return data


def numbers(lines):
    found = [line for line in lines if line.startswith("* SEARCH")]
    assert len(found) == 1, lines
    return [int(n) for n in found[0].split()[2:]]


def elapsed(work):
    started = time.monotonic()
    work()
    return time.monotonic() - started
