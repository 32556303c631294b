"""Where mails end, read from outside only: over IMAP and POP3, and at the mail host of the world, which is played here."""
import hashlib, json, os, pathlib, re, socket, threading, time
from wire import IMAP, POP3, token_of


class Copy:
    """A copy that was found: `place` is the address that holds it; `tail(n)` is the hash of its last n octets."""

    def __init__(self, place, folder, uid, data):
        self.place, self.folder, self.uid, self.data = place, folder, uid, data
        self.token, self.is_report = token_of(data)

    def tail(self, size):
        return hashlib.sha256(self.data[-size:]).hexdigest() if size <= len(self.data) else None

    @property
    def prefix_fields(self):
        return self.data.split(b"\r\n\r\n", 1)[0]


def fetch_all(client, mailbox, what="UID BODY.PEEK[]"):
    lines, _ = client.ok(f'EXAMINE "{mailbox}"')
    exists = next(int(line.split()[1]) for line in lines if line.endswith(b" EXISTS\r\n"))
    for first in range(1, exists + 1, 200):
        for line in client.ok(f"FETCH {first}:{min(first + 199, exists)} ({what})")[0]:
            if found := re.match(rb"\* \d+ FETCH \(.*?UID (\d+).*?BODY\[\] \{(\d+)\}\r\n", line, re.S):
                yield int(found[1]), line[found.end():found.end() + int(found[2])]


def mailboxes(client):
    lines, _ = client.ok('LIST "" "*"')
    return [re.search(rb'"?([^" ]+)"?\r\n$', line)[1].decode() for line in lines if b"\\Noselect" not in line]


def read_imap(system, accounts):
    for account in accounts:
        client = IMAP(system, account)
        for mailbox in mailboxes(client):
            for uid, data in fetch_all(client, mailbox):
                yield Copy(account.address, mailbox, uid, data)
        client.logout()


def read_pop3(system, account):
    """The hashes of all mails of the maildrop."""
    client = POP3(system, account)
    count = int(client.ok("STAT").split()[1])
    found = [hashlib.sha256(client.retrieve(number)).hexdigest() for number in range(1, count + 1)]
    client.ok("QUIT")
    client.close()
    return found


class Host:
    """A mail host of the world. Each mail is one file, synced before it is answered. A test may hook into every step."""

    def __init__(self, address, port, folder, on_connect=None, on_rcpt=None, on_mail=None, on_data=None, on_end=None, after_end=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.on_connect, self.on_rcpt, self.on_mail, self.on_data = on_connect, on_rcpt, on_mail, on_data
        self.on_end, self.after_end = on_end, after_end
        self.lock, self.count, self.received = threading.Lock(), 0, []
        self.listener = socket.create_server((address, port), backlog=200)
        self.running = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while self.running:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        client.settimeout(330)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = client.makefile("rb")
        say = lambda text: client.sendall(text.encode() + b"\r\n")
        decide = lambda hook, default, *about: (hook(client, *about) if hook else None) or default
        sender, recipients = None, []
        try:
            if (banner := decide(self.on_connect, "220 mx1.remote.test ESMTP")) == "close":
                return
            say(banner)
            while line := stream.readline(4096):
                text = line.decode("latin-1").strip()
                verb = text[:4].upper()
                if verb == "EHLO":
                    say("250-mx1.remote.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 100000000")
                elif verb == "MAIL":
                    sender, recipients = re.search(r"<(.*?)>", text)[1], []
                    answer = decide(self.on_mail, "250 2.1.0 OK", sender)
                    sender = sender if answer.startswith("250") else None
                    say(answer)
                elif verb == "RCPT":
                    address = re.search(r"<(.*?)>", text)[1]
                    answer = "503 5.5.1 no sender" if sender is None else decide(self.on_rcpt, "250 2.1.5 OK", address)
                    if answer.startswith("250"):
                        recipients.append(address)
                    say(answer)
                elif verb == "DATA":
                    answer = decide(self.on_data, "354 go on", sender) if recipients else "503 5.5.1 nobody"
                    say(answer)
                    if not answer.startswith("354"):
                        continue
                    lines = []
                    while (line := stream.readline()) != b".\r\n":
                        if not line:
                            return
                        lines.append(line[1:] if line.startswith(b".") else line)
                    data = b"".join(lines)
                    answer = decide(self.on_end, "250 2.0.0 taken", data)
                    if answer.startswith("250"):
                        self._keep(recipients, data)
                    if answer == "close":
                        return
                    say(answer)
                    if self.after_end:
                        self.after_end(client, data)
                    sender, recipients = None, []
                elif verb == "QUIT":
                    say("221 bye")
                    return
                elif verb in ("RSET", "NOOP", "HELO"):
                    say("250 OK")
                else:
                    say("502 5.5.1 no")
        except OSError:
            pass
        finally:
            client.close()

    def _keep(self, recipients, data):
        with self.lock:
            self.count += 1
            path = self.folder / f"{self.count:06}.eml"
        with open(path, "wb") as file:
            file.write((json.dumps(recipients) + "\n").encode() + data)
            file.flush()
            os.fdatasync(file.fileno())
        token, is_report = token_of(data)
        with self.lock:
            self.received.append((time.monotonic(), token))

    def close(self):
        self.running = False
        self.listener.shutdown(socket.SHUT_RDWR)  # also wakes who waits in accept
        self.listener.close()


def read_host(folder):
    for path in sorted(pathlib.Path(folder).rglob("*.eml")):
        recipients, _, data = path.read_bytes().partition(b"\n")
        for address in json.loads(recipients):
            yield Copy(address, path.name, None, data)
