"""A mail host that keeps what it gets and answers as a test wants, on Debian's aiosmtpd (nobody here wrote it)."""
import asyncio, threading, time
from aiosmtpd.smtp import SMTP


class Mail:
    def __init__(self, session, envelope):
        self.peer, self.helo = session.peer, session.host_name
        self.sender, self.recipients, self.content = envelope.mail_from, list(envelope.rcpt_tos), envelope.content
        self.options = list(envelope.mail_options)
        self.session = id(session)
        self.at = time.monotonic()


class Sink:
    """`answers` maps an address to what RCPT is answered (or a list: one answer after the other, then 250);
    `data` does the same for the end of DATA, by sender."""

    def __init__(self, host, port):
        self.host, self.port = host, port
        self.mails, self.attempts, self.answers, self.data = [], [], {}, {}
        self.sessions = 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.started = threading.Event()

    # -- aiosmtpd's hooks
    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):
        self.attempts.append((time.monotonic(), address))
        answer = self._next(self.answers, address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server, session, envelope):
        answer = self._next(self.data, envelope.mail_from)
        if answer.startswith("250"):
            self.mails.append(Mail(session, envelope))
        return answer

    @staticmethod
    def _next(answers, key):
        answer = answers.get(key, "250 OK")
        if isinstance(answer, list):
            return answer.pop(0) if answer else "250 OK"
        return answer

    # -- life
    def _make(self):
        self.sessions += 1
        return SMTP(self, hostname="mx1.remote.test", loop=self.loop)

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.server = self.loop.run_until_complete(self.loop.create_server(self._make, self.host, self.port))
        self.started.set()
        self.loop.run_forever()

    def __enter__(self):
        self.thread.start()
        assert self.started.wait(5)
        return self

    def __exit__(self, *_):
        def end():
            self.server.close()
            self.loop.stop()
        self.loop.call_soon_threadsafe(end)
        self.thread.join(5)

    # -- for tests
    def wait(self, text, seconds=20, count=1):
        """The mails that contain the text, when there are so many."""
        deadline = time.monotonic() + seconds
        while True:
            found = [mail for mail in self.mails if text.encode() in mail.content]
            if len(found) >= count:
                return found
            assert time.monotonic() < deadline, f"{len(found)} of {count} mails with {text} after {seconds} s"
            time.sleep(0.05)
