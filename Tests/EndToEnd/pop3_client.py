"""A bare POP3 client for transcripts: sends what it is told, returns what the server says."""
import socket


class Pop3:
    def __init__(self, martlet, account=None, port="pop3s", timeout=20):
        number = port if isinstance(port, int) else martlet.ports[port]
        self.socket = socket.create_connection(("localhost", number), timeout=timeout)
        if port == "pop3s":
            self.socket = martlet.tls.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")
        self.greeting = self.line()
        if account:
            self.ok(f"USER {account.address}")
            self.ok(f"PASS {account.password}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def stls(self, martlet):
        self.ok("STLS")
        self.socket = martlet.tls.wrap_socket(self.socket, server_hostname="localhost")
        self.file = self.socket.makefile("rb")

    def send(self, data):
        self.socket.sendall(data if isinstance(data, bytes) else data.encode())

    def line(self):
        """One line with its CRLF; empty at the end of the connection."""
        return self.file.readline()

    def command(self, text):
        self.send((text if isinstance(text, bytes) else text.encode()) + b"\r\n")
        return self.line().decode("utf-8", "surrogateescape").removesuffix("\r\n")

    def ok(self, text):
        answer = self.command(text)
        assert answer.startswith("+OK"), (text, answer)
        return answer

    def error(self, text):
        answer = self.command(text)
        assert answer.startswith("-ERR"), (text, answer)
        return answer

    def lines(self):
        """The rest of an answer of several lines, without its dot."""
        found = []
        while (line := self.line()) != b".\r\n":
            assert line.endswith(b"\r\n"), f"connection closed after {found[-3:]}"
            found.append(line[1:] if line.startswith(b".") else line)
        return found

    def many(self, text):
        self.ok(text)
        return self.lines()

    def retrieve(self, number):
        return b"".join(self.many(f"RETR {number}"))

    def stat(self):
        _, count, octets = self.ok("STAT").split()
        return int(count), int(octets)

    def uids(self):
        return [line.split()[1].decode() for line in self.many("UIDL")]

    def rest(self, seconds=5):
        """What still comes until the server closes; asserts that it does."""
        self.socket.settimeout(seconds)
        data = b""
        try:
            while piece := self.file.read(65536):
                data += piece
        except ConnectionError:
            pass
        return data
