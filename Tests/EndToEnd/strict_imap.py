"""An IMAP client that believes nothing: literals are taken by their length, every FETCH is tokenised by the grammar of
RFC 3501 9, and what does not fit is an error. For tests only."""
import re, socket


class Wrong(AssertionError):
    """The server broke the protocol, or answered otherwise than expected."""


class Atom(str):
    pass


class Session:
    def __init__(self, martlet, account=None, port="imaps", timeout=30):
        self.martlet, self.buffer, self.count = martlet, b"", 0
        self.socket = socket.create_connection(("127.0.0.1", martlet.ports[port]), timeout=timeout)
        if port == "imaps":
            self.start_tls()
        self.greeting = self.response()
        if account:
            self.ok(f"LOGIN {account.address} {account.password}")

    def start_tls(self):
        self.socket = self.martlet.tls.wrap_socket(self.socket, server_hostname="localhost")

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- bytes

    def send(self, data):
        self.socket.sendall(data.encode() if isinstance(data, str) else data)

    def _fill(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError("connection closed")
        self.buffer += data

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._fill()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        if b"\n" in line or b"\r" in line:
            raise Wrong(f"bare CR or LF in {line!r}")
        return line

    def response(self):
        """One response with its literals in place, without the last CRLF."""
        response = line = self._line()
        while not response.startswith(b"+") and (literal := re.search(rb"\{(\d+)\}$", line)):
            size = int(literal.group(1))
            while len(self.buffer) < size:
                self._fill()
            octets, self.buffer = self.buffer[:size], self.buffer[size:]
            line = self._line()
            response += b"\r\n" + octets + line
        return response

    def until_closed(self, seconds=15):
        """What comes until the server closes; a session that stays open fails."""
        self.socket.settimeout(seconds)
        got, self.buffer = self.buffer, b""
        try:
            while data := self.socket.recv(65536):
                got += data
        except TimeoutError:
            raise Wrong(f"still open after {got!r}") from None
        except OSError:
            pass  # reset: bytes of ours were still unread
        return got

    # -- commands

    def tag(self):
        self.count += 1
        return b"t%d" % self.count

    def command(self, text, *literals, plus=False):
        """(condition, tagged line, untagged responses). Each `{}` in the text is one of the literals; `plus`: LITERAL+."""
        tag, untagged = self.tag(), []
        pieces = (text.encode() if isinstance(text, str) else text).split(b"{}")
        data = tag + b" " + pieces[0]
        for literal, piece in zip(literals, pieces[1:]):
            data += b"{%d%s}\r\n" % (len(literal), b"+" if plus else b"")
            if not plus:
                self.send(data)
                data = b""
                while not (response := self.response()).startswith(b"+ "):
                    if response.startswith(tag + b" "):
                        return response.split(b" ")[1].decode(), response, untagged
                    untagged.append(response)
            data += literal + piece
        self.send(data + b"\r\n")
        return self.finish(tag, untagged)

    def finish(self, tag, untagged=None):
        untagged = [] if untagged is None else untagged
        while not (response := self.response()).startswith(tag + b" "):
            if not response.startswith(b"* "):
                raise Wrong(f"neither untagged nor {tag}: {response[:200]!r}")
            untagged.append(response)
        return response.split(b" ")[1].decode(), response, untagged

    def expect(self, condition, text, *literals, plus=False):
        got, line, untagged = self.command(text, *literals, plus=plus)
        if got != condition:
            raise Wrong(f"{text[:200]!r} -> {line!r}, expected {condition}")
        return line, untagged

    def ok(self, text, *literals, plus=False):
        return self.expect("OK", text, *literals, plus=plus)[1]

    def no(self, text, *literals, plus=False):
        return self.expect("NO", text, *literals, plus=plus)[0]

    def bad(self, text, *literals, plus=False):
        return self.expect("BAD", text, *literals, plus=plus)[0]

    def idle(self):
        tag = self.tag()
        self.send(tag + b" IDLE\r\n")
        if not self.response().startswith(b"+ "):
            raise Wrong("no continuation for IDLE")
        return tag

    def done(self, tag):
        self.send("DONE\r\n")
        return self.finish(tag)

    # -- what commands bring

    def fetch(self, text, *literals):
        """{sequence number: {item: value}}"""
        found = {}
        for response in self.ok(text, *literals):
            if match := re.match(rb"\* (\d+) FETCH ", response):
                found.setdefault(int(match.group(1)), {}).update(fetch_items(response[match.end():]))
        return found

    def one(self, text):
        """The only item of the only message."""
        items = {k: v for k, v in next(iter(self.fetch(text).values())).items() if k not in ("UID", "FLAGS")}
        if len(items) != 1:
            raise Wrong(f"{text!r} brought {list(items)}")
        return next(iter(items.values()))

    def search(self, text, *literals):
        found = [r for r in self.ok("SEARCH " + text, *literals) if r.startswith(b"* SEARCH")]
        if len(found) != 1:
            raise Wrong(f"{len(found)} SEARCH responses")
        return [int(n) for n in found[0].split()[2:]]

    def names(self, text, *literals):
        return [values(r[2:])[-1].decode() for r in self.ok(text, *literals) if r[:6] in (b"* LIST", b"* LSUB")]


# -- the grammar

TOKEN = re.compile(rb'"((?:[^"\\\r\n\x00\x80-\xff]|\\["\\])*)"|\{(\d+)\}\r\n|(\\?[^\s(){"\\]+)')


def values(data):
    """Response data as nested lists: strings are bytes, atoms are Atom, NIL is None."""
    stack, position = [[]], 0
    while position < len(data):
        byte = data[position:position + 1]
        if byte in (b" ", b"(", b")"):
            position += 1
            if byte == b"(":
                stack.append([])
            elif byte == b")":
                if len(stack) < 2:
                    raise Wrong(f"closing parenthesis in {data[:200]!r}")
                closed = stack.pop()
                stack[-1].append(closed)
            continue
        match = TOKEN.match(data, position)
        if not match:
            raise Wrong(f"no token at {data[position:position + 60]!r}")
        position = match.end()
        if match.group(3) is not None:
            stack[-1].append(None if match.group(3) == b"NIL" else Atom(match.group(3).decode("latin-1")))
        elif match.group(2) is not None:
            end = position + int(match.group(2))
            if end > len(data):
                raise Wrong("short literal")
            stack[-1].append(data[position:end])
            position = end
        else:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", match.group(1)))
    if len(stack) != 1:
        raise Wrong(f"open parenthesis in {data[:200]!r}")
    return stack[0]


ITEM = re.compile(rb"([A-Z0-9.]+(?:\[[^\]]*\](?:<\d+>)?)?) ")


def fetch_items(data):
    """`(NAME value NAME value)` as a dictionary; a name may be a section with anything but `]` in its brackets."""
    if data[:1] != b"(" or data[-1:] != b")":
        raise Wrong(f"not a list: {data[:80]!r}")
    items, position = {}, 1
    while position < len(data) - 1:
        match = ITEM.match(data, position)
        if not match:
            raise Wrong(f"no item at {data[position:position + 60]!r}")
        end = _end_of_value(data, match.end())
        value, name = values(data[match.end():end]), match.group(1).decode()
        if len(value) != 1 or name in items:
            raise Wrong(f"item {name}: {value!r}"[:300])
        items[name] = value[0]
        position = end
        if data[position:position + 1] == b" ":
            position += 1
        elif position != len(data) - 1:
            raise Wrong(f"after an item: {data[position:position + 60]!r}")
    return items


def _end_of_value(data, position):
    depth = 0
    while True:
        byte = data[position:position + 1]
        if byte in (b"(", b")", b" "):
            if depth == 0 and byte != b"(":
                raise Wrong(f"no value at {data[position - 20:position + 40]!r}")
            depth += {b"(": 1, b")": -1, b" ": 0}[byte]
            position += 1
        else:
            match = TOKEN.match(data, position)
            if not match:
                raise Wrong(f"no token at {data[position:position + 60]!r}")
            position = match.end() + int(match.group(2) or 0)
        if depth == 0:
            return position
