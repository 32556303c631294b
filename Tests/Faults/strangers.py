"""Peers and names that misbehave: F27 (links cut at every octet), F35 (DNS), F36 (mail hosts)."""
import random, socket, struct, threading, time
from account import collect
from campaign import fault
from ledger import Mail
from sinks import Host
from wire import SMTP, Gone, content, new_token


class CutProxy:
    """Passes one session at a time; after `limit` octets in that direction both links are reset."""

    def __init__(self, target):
        self.target, self.listener = target, socket.create_server(("127.0.0.1", 0))
        self.address, self.ports = "127.0.0.1", {"smtp": self.listener.getsockname()[1]}
        self.direction, self.limit, self.passed = None, None, {"up": 0, "down": 0}
        threading.Thread(target=self._run, daemon=True).start()

    def cut(self, direction, limit):
        self.direction, self.limit, self.passed = direction, limit, {"up": 0, "down": 0}

    def _run(self):
        while True:
            try:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target), timeout=10)
            except OSError:
                return
            links = [threading.Thread(target=self._pass, args=(client, server, "up"), daemon=True),
                     threading.Thread(target=self._pass, args=(server, client, "down"), daemon=True)]
            for link in links:
                link.start()
            for link in links:
                link.join()
            client.close()
            server.close()

    def _pass(self, source, target, direction):
        try:
            while data := source.recv(65536):
                if direction == self.direction and self.passed[direction] + len(data) >= self.limit:
                    target.sendall(data[:self.limit - self.passed[direction]])
                    for link in (source, target):
                        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                        link.shutdown(socket.SHUT_RD)
                    break
                target.sendall(data)
                self.passed[direction] += len(data)
            else:
                target.shutdown(socket.SHUT_WR)
                return
        except OSError:
            pass
        for link in (source, target):
            try:
                link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                link.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@fault("F27", "the link to a client reset after octet N, for every N of a session, both ways", rounds=1, seconds=500)
def cut_links(c, rounds):
    with c.round("F27", rate=c.rate / 3) as r:
        def session(proxy, rng, direction, limit):
            token = new_token(rng)
            data = content(token, r.load.sender, r.accounts[0].address, 300, rng)
            mail = Mail(token, "cut", [r.accounts[0].address], data)
            proxy.cut(direction, limit)
            try:
                client = SMTP(proxy, timeout=15)
                client.deliver(r.ledger, mail, data, r.load.sender, mail.places)
                client.quit()
            except Gone:
                pass
            return mail

        proxy = CutProxy(c.system.ports["smtp"])
        if not session(proxy, r.rng, None, 0).acked:
            r.fail("the session that says how many octets there are did not end well")
        time.sleep(0.2)
        jobs = [(way, n) for way in ("up", "down") for n in range(1, proxy.passed[way] + 1)]
        r.facts.append(f"{proxy.passed['up']} octets up, {proxy.passed['down']} down, each end tried")
        proxy.close()
        lock, todo = threading.Lock(), list(reversed(jobs))

        def work(number):
            mine, rng = CutProxy(c.system.ports["smtp"]), random.Random(f"{c.seed}-cut-{number}")
            while True:
                with lock:
                    if not todo:
                        break
                    way, n = todo.pop()
                session(mine, rng, way, n)
            mine.close()

        workers = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(6)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(300)
        r.faults = len(jobs) - len(todo)
        if todo or any(worker.is_alive() for worker in workers):
            r.fail(f"{len(todo)} sessions were not tried in time")


class Names:
    """A name server over UDP: what it does to a name stands in the name, until `healed`."""

    def __init__(self, port, address):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", port))
        self.address, self.healed, self.asked = address, False, {}
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(2048)
            except OSError:
                return
            threading.Thread(target=self._answer, args=(query, peer), daemon=True).start()

    def _answer(self, query, peer):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1").lower())
            at += 1 + query[at]
        kind = int.from_bytes(query[at + 1:at + 3], "big")
        question = query[12:at + 5]
        way = next((label.split("-")[0] for label in labels if "-" in label), "fine")
        self.asked[way] = asked = self.asked.get(way, 0) + 1
        code = 0
        if not self.healed:
            if way == "timeout":
                return
            if way == "servfail":
                code = 2
            if way == "flicker" and asked % 2:
                code = 2
            if way == "slow":
                time.sleep(10)
        answer = b""
        if not code and kind == 15 and labels[0] != "mx":
            answer = b"\xc0\x0c" + struct.pack(">HHIH", 15, 1, 5, 7) + struct.pack(">H", 10) + b"\x02mx\xc0\x0c"
        elif not code and kind == 1 and labels[0] == "mx":
            answer = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 5, 4) + socket.inet_aton(self.address)
        head = query[:2] + struct.pack(">HHHHH", 0x8180 | code, 1, 1 if answer else 0, 0, 0)
        try:
            self.socket.sendto(head + question + answer, peer)
        except OSError:
            pass

    def close(self):
        self.socket.close()


def reports_of(c, r, tokens):
    """How many notifications about each of these mails are in their sender's Inbox."""
    found = {token: 0 for token in tokens}
    for copy in collect(c.system, r.accounts[:1]):
        if copy.is_report and copy.token in found:
            found[copy.token] += 1
    return found


def send_out(c, r, recipients, size=500):
    """One submission by the first account; the mail."""
    account, token = r.accounts[0], new_token()
    data = content(token, account.address, recipients[0], size, r.rng)
    mail = Mail(token, "submission", recipients, data)
    client = SMTP(c.system, "submission", tls=c.system.tls, login=(account.address, account.password))
    client.deliver(r.ledger, mail, data, account.address, recipients)
    client.quit()
    return mail


@fault("F35", "DNS: no answer, SERVFAIL, now and then, after ten seconds", rounds=1, seconds=500)
def broken_names(c, rounds):
    port = c.system.base + 953
    names = Names(port, c.system.world)
    c.system.settings("relayd", DNS_FORWARDERS=f"127.0.0.1@{port}")
    try:
        with c.round("F35", rate=c.rate / 2, quiet=240) as r:
            r.load.wait_acks(30)
            mails = {}
            for way in ["timeout", "servfail", "flicker", "slow", "fine"]:
                r.struck(f"names: {way}")
                mails[way] = [send_out(c, r, [f"u@{way}-{new_token(r.rng)[:6]}.f35.internal"]) for _ in range(3)]
            arrived = lambda mail: any(token == mail.token for _, token in r.host.received)
            r.within("a name that is fine", c.system.wait_for(lambda: all(map(arrived, mails["fine"])), 60), 60)
            time.sleep(30)
            early = reports_of(c, r, [mail.token for way in mails.values() for mail in way])
            if any(early.values()):
                r.fail(f"{sum(early.values())} mails came back because of DNS trouble")
            if any(arrived(mail) for way in ("timeout", "servfail") for mail in mails[way]):
                r.fail("a mail arrived without an answer of DNS")
            names.healed = True
            r.struck("DNS is well again")
            r.within("all delivered", c.system.wait_for(lambda: all(arrived(mail) for way in mails.values() for mail in way), 200, 0.5), 200)
            r.flow(30)
    finally:
        names.close()
        c.system.settings("relayd", DNS_FORWARDERS=None)


@fault("F36", "mail hosts that refuse, stall, drip and hang up at every stage", rounds=1, seconds=800)
def broken_hosts(c, rounds):
    """Every recipient ends in exactly one place: at the host, or in one notification."""
    count, lock = {}, threading.Lock()

    def times(name, most):
        with lock:
            count[name] = count.get(name, 0) + 1
            return count[name] <= most

    def drip(client):
        for octet in b"220 slow":
            client.sendall(bytes([octet]))
            time.sleep(5)
        return ".test ready"

    ways = {  # name: (address's last number, hooks, does it arrive?)
        "late": (31, dict(on_rcpt=lambda _, address: times("late", 3) and "451 4.3.0 later"), True),
        "banner": (32, dict(on_connect=lambda _: times("banner", 2) and "421 4.3.2 busy"), True),
        "second": (33, dict(on_rcpt=lambda _, address: address.startswith("b@") and times("second", 1) and "452 4.5.3 one too many"), True),
        "no-banner": (34, dict(on_connect=lambda _: "554 5.3.2 no mail here"), False),
        "no-mail": (35, dict(on_mail=lambda _, sender: sender and "550 5.1.8 not you" or None), False),
        "no-rcpt": (36, dict(on_rcpt=lambda _, address: "550 5.1.1 nobody"), False),
        "no-data": (37, dict(on_data=lambda _, sender: "554 5.6.0 no"), False),
        "no-end": (38, dict(on_end=lambda _, data: "554 5.6.0 not this"), False),
        "drip": (39, dict(on_connect=lambda client: times("drip", 1) and drip(client)), True),
        "silent": (40, dict(on_connect=lambda _: times("silent", 1) and (time.sleep(320), "close")[1]), True),
        "hangs-up": (41, dict(on_end=lambda _, data: times("hangs-up", 1) and "close"), True),
        "never": (42, dict(on_rcpt=lambda _, address: "450 4.2.0 never"), False),
    }
    c.system.settings("relayd", RELAY_EXPIRY="60s")
    hosts = []
    try:
        with c.round("F36", rate=c.rate / 3, quiet=460) as r:
            folder = r.folder / "host"
            for name, (number, hooks, _) in ways.items():
                hosts.append(Host(f"127.0.1.{number}", c.system.relay_port, folder / name, **hooks))
            r.load.wait_acks(30)
            mails = {}
            for name in ways:
                r.struck(f"host: {name}")
                local = ["a", "b", "c"] if name == "second" else ["u"]
                mails[name] = send_out(c, r, [f"{who}@{name}.f36.test" for who in local])
            held = [mails[name] for name in ("silent", "drip")]
            # The load goes on for a minute; what takes longer (five minutes of silence) is waited for in quiet.
            time.sleep(60)

            def check(copies):
                reports = reports_of(c, r, [mail.token for mail in mails.values()])
                for name, (_, _, arrives) in ways.items():
                    mail = mails[name]
                    here = sum(copy.token == mail.token and not copy.is_report for copy in copies)
                    if name in ("silent", "drip"):  # time may be over before the host speaks
                        good = here + reports[mail.token] == 1
                    else:
                        good = (here, reports[mail.token]) == ((len(mail.places), 0) if arrives else (0, 1))
                    if not good:
                        r.fail(f"{name}: {here} copies arrived, {reports[mail.token]} notifications")
                r.facts.append("at the host: " + ", ".join(n for n in ways if not reports[mails[n].token]) + "; notified: "
                               + ", ".join(n for n in ways if reports[mails[n].token]))
            r.checks.append(check)
    finally:
        for host in hosts:
            host.close()
        c.system.settings("relayd", RELAY_EXPIRY="10min")
