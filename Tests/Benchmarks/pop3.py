"""POP3: a maildrop opened, listed and retrieved over TLS, one mail after the other and many in one go, beside Dovecot."""
import socket, subprocess, sys, time

from measure import *


class Pop3:
    """Reads as fast as it can, and looks at no line of a message."""

    def __init__(self, target, user, trust):
        connection = socket.create_connection(("127.0.0.1", target.pop3s), timeout=60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = trust.wrap_socket(connection, server_hostname="localhost")
        self.have = b""
        self.line()
        self.ask(b"USER %s" % (f"{user}@{target.domain}" if target.tls else user).encode())
        self.ask(b"PASS " + target.password.encode())

    def line(self):
        while b"\r\n" not in self.have:
            self.have += self.socket.recv(65536)
        line, self.have = self.have.split(b"\r\n", 1)
        assert line.startswith(b"+OK"), line
        return line

    def ask(self, command):
        self.socket.sendall(command + b"\r\n")
        return self.line()

    def many(self, commands):
        """Answers of several lines, as many as commands; returns their octets."""
        self.socket.sendall(b"".join(command + b"\r\n" for command in commands))
        left, octets, tail = len(commands), 0, b""
        while left:
            piece = self.socket.recv(1 << 18)
            assert piece, "closed"
            octets += len(piece)
            left -= (tail + piece).count(b"\r\n.\r\n")
            tail = (tail + piece)[-4:]
        return octets


def pop3_fill(target, user, count, size):
    subprocess.run([str(HOME / "smtpload"), "-h", "127.0.0.1", "-p", str(target.smtp), "-t", f"{user}@{target.domain}", "-s", "10", "-d",
                    "-l", str(size), "-m", str(count)], check=True, capture_output=True, timeout=300)
    settle(target)


def pop3(targets, trust, count=2000, size=10240):
    """A maildrop of `count` mails: opened, listed, retrieved one after the other and 100 in one go."""
    user = "reader1"
    for target in targets:
        pop3_fill(target, user, count, size)
    rows = {name: {t.name: [] for t in targets} for name in ("open", "uidl", "one", "many", "cpu")}
    for _ in range(options.runs):
        for target in targets:
            begun = time.monotonic()
            client = Pop3(target, user, trust)
            stat = client.ask(b"STAT").split()
            rows["open"][target.name].append((time.monotonic() - begun) * 1000)
            if int(stat[1]) < count * 0.99:
                sys.exit(f"{target.name}: {stat[1]} of {count} mails are in the maildrop")
            begun = time.monotonic()
            client.many([b"UIDL"])
            rows["uidl"][target.name].append((time.monotonic() - begun) * 1000)
            numbers = range(1, int(stat[1]) + 1)
            begun, cpu = time.monotonic(), process_tree_cpu(target.roots)
            for number in numbers:
                client.many([b"RETR %d" % number])
            rows["one"][target.name].append(len(numbers) / (time.monotonic() - begun))
            rows["cpu"][target.name].append((process_tree_cpu(target.roots) - cpu) * 1000 / len(numbers))
            begun = time.monotonic()
            for first in range(0, len(numbers), 100):
                client.many([b"RETR %d" % number for number in numbers[first:first + 100]])
            rows["many"][target.name].append(len(numbers) / (time.monotonic() - begun))
            client.ask(b"QUIT")
    show(f"POP3, {count} mails of {size // 1024} KiB, TLS: open and STAT", "ms", rows["open"])
    show("   UIDL", "ms", rows["uidl"])
    show("   RETR one at a time", "mails/s", rows["one"])
    show("   CPU per mail of it", "ms", rows["cpu"])
    show("   RETR, 100 pipelined", "mails/s", rows["many"])
