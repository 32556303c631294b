"""A steady load as people make it: mail from the world, submissions, APPEND, and clients that read over IMAP and POP3."""
import collections, hashlib, random, threading, time
from ledger import Mail
from wire import IMAP, POP3, SMTP, Gone, content, new_token, token_of


class Load:
    def __init__(self, system, ledger, accounts, maildrop, alias, rate=60, seed=1, mx=4, submission=2, imap=2, pop3=1, world=True):
        self.system, self.ledger, self.accounts, self.maildrop, self.alias = system, ledger, accounts, maildrop, alias
        self.rate, self.seed, self.world = rate, seed, world
        self.sender = f"sender-{new_token()[:8]}@load.test"
        self.stopping, self.paused = threading.Event(), threading.Event()
        self.acks, self.gone, self.slowest_answer, self.too_slow = [], collections.Counter(), 0, []
        self.answers = collections.Counter()
        self.errors, self.lock = [], threading.Lock()
        jobs = ([(self._mx, n) for n in range(mx)] + [(self._submission, n) for n in range(submission)]
                + [(self._append, n) for n in range(imap and 1)] + [(self._read, n) for n in range(max(imap - 1, 0))]
                + [(self._pop, n) for n in range(pop3)])
        self.writers = max(mx + submission + (imap and 1), 1)
        self.threads = [threading.Thread(target=self._guard, args=(job, number, index), daemon=True)
                        for index, (job, number) in enumerate(jobs)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.stopping.set()
        deadline = time.monotonic() + 45
        for thread in self.threads:
            thread.join(max(deadline - time.monotonic(), 0.1))
        stuck = [thread for thread in self.threads if thread.is_alive()]
        if stuck:
            self.errors.append(f"{len(stuck)} clients hang")
        if self.errors:
            raise RuntimeError("the load itself failed: " + "; ".join(map(str, self.errors[:3])))

    # -- what was seen
    def slow(self, protocol):
        def see(seconds, what, reply):
            with self.lock:
                self.slowest_answer = max(self.slowest_answer, seconds)
                if seconds > (10 if protocol == "SMTP" else 15):
                    self.too_slow.append(f"{protocol} {what}: {seconds:.1f} s ({str(reply)[:60]})")
        return see

    def acked_after(self, moment, seconds=30, count=1):
        """Seconds from that moment until the count-th acknowledgement of a mail that was ended after it."""
        while time.monotonic() < moment + seconds:
            with self.lock:
                later = [answered for ended, answered in self.acks[-2000:] if ended >= moment]
            if len(later) >= count:
                return later[count - 1] - moment
            time.sleep(0.02)
        return None

    def wait_acks(self, count, seconds=60):
        deadline = time.monotonic() + seconds
        while len(self.acks) < count:
            if time.monotonic() > deadline:
                raise RuntimeError(f"only {len(self.acks)} of {count} mails were acknowledged within {seconds} s: {dict(self.gone)}")
            time.sleep(0.05)

    # -- clients
    def _guard(self, job, number, index):
        rng = random.Random(f"{self.seed}-{index}")
        while not self.stopping.is_set():
            try:
                job(number, rng)
            except Gone as error:
                with self.lock:
                    self.gone[f"{job.__name__[1:]}: {str(error)[:50]}"] += 1
                self.stopping.wait(0.1)
            except Exception as error:  # a fault of the harness must not look like a quiet server
                self.errors.append(f"{job.__name__[1:]}: {error!r}")
                return

    def _pace(self, rng):
        self.stopping.wait(rng.expovariate(1) * self.writers / self.rate)
        while self.paused.is_set() and not self.stopping.is_set():
            self.stopping.wait(0.05)
        return not self.stopping.is_set()

    def _recipients(self, rng, foreign):
        local = [account.address for account in self.accounts + [self.maildrop]]
        to = rng.sample(local, rng.choice([1, 1, 1, 2, 3]))
        if foreign and self.world and rng.random() < 0.4:
            to.append("friend@remote.test")
        return to, list(to)

    def _ack(self, mail):
        with self.lock:
            self.answers[mail.code] += 1
            if mail.acked:
                self.acks.append((mail.at, mail.answered_at))

    def _mx(self, number, rng):
        client = SMTP(self.system, tls=self.system.tls if number % 2 else None, slow=self.slow("SMTP"))
        for _ in range(rng.randint(5, 60)):
            if not self._pace(rng):
                break
            token = new_token(rng)
            to, places = self._recipients(rng, False)
            if self.alias and self.world and rng.random() < 0.05:
                to, places = [self.alias], [self.accounts[0].address, "friend@remote.test"]
            size = 300_000 if rng.random() < 0.004 else rng.randint(200, 5000)
            data = content(token, self.sender, to[0], size, rng)
            mail = Mail(token, "mx", places, data)
            client.deliver(self.ledger, mail, data, self.sender, to)
            self._ack(mail)
        client.quit()

    def _submission(self, number, rng):
        account = self.accounts[number % len(self.accounts)]
        port = ["submission", "submissions"][number % 2]
        client = SMTP(self.system, port, tls=self.system.tls, login=(account.address, account.password), slow=self.slow("SMTP"))
        for _ in range(rng.randint(5, 60)):
            if not self._pace(rng):
                break
            token = new_token(rng)
            to, places = self._recipients(rng, True)
            data = content(token, account.address, to[0], rng.randint(200, 5000), rng)
            mail = Mail(token, "submission", places, data)
            client.deliver(self.ledger, mail, data, account.address, to)
            self._ack(mail)
        client.quit()

    def _append(self, number, rng):
        account = self.accounts[-1]
        client = IMAP(self.system, account, slow=self.slow("IMAP"))
        for _ in range(rng.randint(5, 40)):
            if not self._pace(rng):
                break
            token = new_token(rng)
            data = content(token, account.address, "nobody@load.test", rng.randint(200, 5000), rng)
            mail = Mail(token, "append", [account.address], data)
            if client.append(self.ledger, mail, "Sent", data) is None:
                break
        client.logout()

    def _read(self, number, rng):
        """Looks at a mailbox and compares what it gets with what was sent."""
        client = IMAP(self.system, self.accounts[number % len(self.accounts)], slow=self.slow("IMAP"))
        for _ in range(20):
            lines, _ = client.ok('EXAMINE "INBOX"')
            exists = next(int(line.split()[1]) for line in lines if line.endswith(b" EXISTS\r\n"))
            client.ok("NOOP")
            if exists:
                [line] = [line for line in client.ok(f"FETCH {rng.randint(1, exists)} (UID BODY.PEEK[])")[0] if b"BODY[]" in line]
                self._compare(line[line.index(b"\r\n") + 2:-3], "IMAP")
            if self.stopping.wait(0.3):
                break
        client.logout()

    def _compare(self, data, where):
        token, report = token_of(data)
        mail = self.ledger.mails.get(token)
        if mail and not report and hashlib.sha256(data[-mail.size:]).hexdigest() != mail.sha:
            self.ledger.note(f"altered: {where} gave other octets of {token}")
            self.errors.append(f"{where} gave other octets of {token}")

    def _pop(self, number, rng):
        """Downloads and removes, as a POP3 client does. A mail is gone when QUIT was answered +OK."""
        account = self.maildrop
        client = POP3(self.system, account, slow=self.slow("POP3"))
        count = int(client.ok("STAT").split()[1])
        tokens = []
        for index in range(1, min(count, 15) + 1):
            data = client.retrieve(index)
            token, report = token_of(data)
            mail = self.ledger.mails.get(token)
            if not mail or report:
                continue
            self.ledger.retrieved(account.address, token, hashlib.sha256(data[-mail.size:]).hexdigest())
            client.ok(f"DELE {index}")
            tokens.append(token)
        self.ledger.quitting(account.address, tokens)
        try:
            client.ok("QUIT")
            self.ledger.quit(account.address, tokens, True)
        except Gone:
            self.ledger.quit(account.address, tokens, False)
            raise
        finally:
            client.close()
        self.stopping.wait(0.5)
