"""The account: what clients were told against what is found. Classes as in Jepsen: lost, duplicated, unexpected, recovered;
besides these altered (other octets than were sent) and misplaced (in a place that nobody sent it to).

    told 250 (or OK)             exactly one copy in each place
    connection lost after EOD    none or one in each place ("recovered" when it is there)
    refused, or never ended      none
    451 (NO [UNAVAILABLE])       to the end of the mail: none; when the database was lost none or one: the outcome of its COMMIT could not be learnt ("kept")

A notification (DSN) about a copy that could not be delivered, in its sender's mailbox, stands for that copy. A mail that POP3
downloaded and removed counts as found when the download was intact.
"""
import collections, hashlib, time
from sinks import read_host, read_imap, read_pop3
from wire import Gone

BAD = ("lost", "duplicated", "unexpected", "altered", "misplaced")


class Account:
    def __init__(self, ledger):
        self.ledger = ledger
        self.bad = {name: [] for name in BAD}
        self.acked = self.copies = self.recovered = self.unknown = self.refused = self.reports = self.repeated = self.kept = 0

    # -- judging
    def judge(self, found, allowed_repeats=0, database_lost=False):
        """`found`: copies from all sinks. `allowed_repeats`: how many copies a remote host may hold twice."""
        self.database_lost = database_lost
        places, reports = collections.defaultdict(list), collections.Counter()
        for copy in found:
            if copy.token is None:
                if copy.data.startswith(b"Subject: seed ") or b"\r\nSubject: seed " in copy.prefix_fields:
                    continue
                self.bad["unexpected"].append(f"a mail without a token in {copy.place} {copy.folder} {copy.uid}")
            elif copy.is_report:
                reports[copy.token] += 1
            else:
                places[copy.token].append(copy)
        for token in places:
            if token not in self.ledger.mails:
                self.bad["unexpected"].append(f"{token}: nobody sent it")
        for mail in list(self.ledger.mails.values()):
            self._mail(mail, places.get(mail.token, []), reports[mail.token])
        if self.repeated > allowed_repeats:
            self.bad["duplicated"].append(f"{self.repeated} copies twice at a remote host, {allowed_repeats} are within the window")
        return self

    def _mail(self, mail, copies, reported):
        least, most = mail.expected
        if mail.put_off and self.database_lost:
            most = 1
        self.acked += mail.acked
        self.unknown += mail.state == "unknown"
        self.refused += mail.state == "refused"
        self.reports += reported
        name = f"{mail.token} ({mail.via}, {mail.state} {mail.code}, mail {mail.id})"
        wrong = [copy for copy in copies if copy.place not in mail.places]
        for copy in wrong:
            self.bad["misplaced"].append(f"{name}: in {copy.place}, sent to {', '.join(mail.places)}")
        for copy in copies:
            if copy.tail(mail.size) != mail.sha or copy.data.count(mail.token.encode()) < 4:
                self.bad["altered"].append(f"{name}: {copy.place} {copy.folder} {copy.uid}")
        there, missing = False, []
        for place in mail.places:
            here = [copy for copy in copies if copy.place == place]
            self.copies += len(here)
            gone, perhaps = self.ledger.removed.get((place, mail.token), 0), self.ledger.maybe_removed.get((place, mail.token), 0)
            for sha in self.ledger.downloaded.get((place, mail.token), []):
                if sha != mail.sha:
                    self.bad["altered"].append(f"{name}: downloaded from {place}")
            count = len(here) + gone
            there = there or count + perhaps > 0
            if count > most:
                if most and any(copy.uid is None for copy in here):  # at a remote host
                    self.repeated += count - most
                elif most:
                    self.bad["duplicated"].append(f"{name}: {count} in {place}")
                else:
                    self.bad["unexpected"].append(f"{name}: in {place}")
            if count + perhaps < least:
                missing.append(place)
        if missing and len(missing) > reported and not wrong:
            self.bad["lost"] += [f"{name}: not in {place}" for place in missing[reported:]]
        self.recovered += mail.state == "unknown" and there
        self.kept += mail.state == "refused" and there

    @property
    def balanced(self):
        return not any(self.bad.values())

    def totals(self):
        return {name: len(rows) for name, rows in self.bad.items()}

    def words(self):
        text = (f"{self.acked} acknowledged, {self.copies} copies, {self.refused} refused, {self.unknown} unknown "
                f"({self.recovered} recovered)")
        if self.kept:
            text += f", {self.kept} kept after a 451 or NO"
        if self.reports:
            text += f", {self.reports} notifications"
        if self.repeated:
            text += f", {self.repeated} twice at a remote host"
        return text

    def details(self, most=6):
        return [f"{name}: {row}" for name, rows in self.bad.items() for row in rows[:most]]


def collect(system, accounts, host_folder=None):
    copies = list(read_imap(system, accounts))
    if host_folder:
        copies += list(read_host(host_folder))
    return copies


def maildrop(system, account, patience=45):
    """A session whose accessd was killed holds the maildrop for up to 30 s more."""
    deadline = time.monotonic() + patience
    while True:
        try:
            return read_pop3(system, account)
        except Gone as error:
            if "[IN-USE]" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def same_by_pop3(system, accounts, copies):
    """POP3 must give the very octets that IMAP gives of every Inbox; returns what differs."""
    wrong = []
    for account in accounts:
        inbox = sorted(hashlib.sha256(copy.data).hexdigest() for copy in copies
                       if copy.place == account.address and copy.folder == "INBOX" and copy.uid is not None)
        if sorted(maildrop(system, account)) != inbox:
            wrong.append(f"{account.address}: POP3 and IMAP differ")
    return wrong
