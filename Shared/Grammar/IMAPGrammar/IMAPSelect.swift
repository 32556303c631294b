/// SELECT or EXAMINE (RFC 3501 6.3.1) with the parameters of RFC 7162.
package struct IMAPSelect: Sendable, Equatable {
    package var mailbox: MailboxName
    package var condStore: Bool
    package var qresync: QResync?

    package init(mailbox: MailboxName, condStore: Bool = false, qresync: QResync? = nil) {
        self.mailbox = mailbox
        self.condStore = condStore
        self.qresync = qresync
    }

    /// RFC 7162 3.2.5: what the client remembers of the mailbox.
    package struct QResync: Sendable, Equatable {
        package var uidValidity: UInt32
        package var modSequence: UInt64
        package var knownUIDs: SequenceSet?
        package var match: SequenceMatch?

        package init(
            uidValidity: UInt32, modSequence: UInt64, knownUIDs: SequenceSet? = nil, match: SequenceMatch? = nil
        ) {
            self.uidValidity = uidValidity
            self.modSequence = modSequence
            self.knownUIDs = knownUIDs
            self.match = match
        }
    }

    /// RFC 7162 3.2.5.2: message sequence numbers with their UIDs.
    package struct SequenceMatch: Sendable, Equatable {
        package var numbers: SequenceSet
        package var uids: SequenceSet

        package init(numbers: SequenceSet, uids: SequenceSet) {
            self.numbers = numbers
            self.uids = uids
        }
    }
}
