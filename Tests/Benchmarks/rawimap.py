"""A thin blocking IMAP client over TLS that reads fast: it only looks for the tagged line."""
import re, socket, ssl


class Imap:
    def __init__(self, target, user, trust, timeout=180):
        connection = socket.create_connection(("127.0.0.1", target.imaps), timeout=timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = trust.wrap_socket(connection, server_hostname="localhost")
        self.number, self.have = 0, b""
        self.line()
        self.ask(f"LOGIN {user}@{target.domain} {target.password}")

    def line(self):
        while b"\r\n" not in self.have:
            piece = self.socket.recv(1 << 16)
            assert piece, "closed"
            self.have += piece
        line, self.have = self.have.split(b"\r\n", 1)
        return line

    def tag(self):
        self.number += 1
        return b"Q%06dx" % self.number

    def ask(self, command, keep=False):
        """One command; returns its untagged answers if they are to be kept, else how many octets they had."""
        tag = self.tag()
        self.socket.sendall(tag + b" " + command.encode() + b"\r\n")
        kept, octets, tail, mark = [], 0, b"\r\n", b"\r\n" + tag + b" "
        while True:
            piece = self.have or self.socket.recv(1 << 20)
            self.have = b""
            assert piece, "closed"
            octets += len(piece)
            if keep:
                kept.append(piece)
            tail = (tail + piece)[-max(len(piece), 4096) - 200:]
            at = tail.find(mark)
            if at >= 0 and tail.find(b"\r\n", at + 2) >= 0:
                assert tail[at + len(mark):].startswith(b"OK"), tail[at:at + 200]
                return b"".join(kept) if keep else octets

    def ok(self, tag):
        while not (line := self.line()).startswith(tag + b" "):
            pass
        assert line.startswith(tag + b" OK"), line

    def append(self, mailbox, messages, flags="", ahead=50):
        """APPEND with LITERAL+, so many sent ahead of the answers."""
        waiting = []
        for message in messages:
            tag = self.tag()
            self.socket.sendall(tag + b" APPEND %s%s {%d+}\r\n" % (mailbox.encode(), flags.encode(), len(message)) + message + b"\r\n")
            waiting.append(tag)
            if len(waiting) >= ahead:
                for tag in waiting:
                    self.ok(tag)
                waiting = []
        for tag in waiting:
            self.ok(tag)

    def exists(self, mailbox="INBOX"):
        found = re.findall(rb"MESSAGES (\d+)", self.ask(f"STATUS {mailbox} (MESSAGES)", keep=True))
        return int(found[-1])

    def close(self):
        try:
            self.ask("LOGOUT")
        except (AssertionError, OSError):
            pass
        self.socket.close()
