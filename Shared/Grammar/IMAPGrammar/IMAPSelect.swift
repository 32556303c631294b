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

extension IMAPCursor {
    /// `mailbox [SP "(" parameters ")"]`
    mutating func select() throws(IMAPSyntaxError) -> IMAPSelect {
        var select = IMAPSelect(mailbox: try mailbox())
        guard skip(" ") else { return select }
        try list(maximum: 2) { cursor throws(IMAPSyntaxError) in
            switch try cursor.word() {
            case "CONDSTORE": select.condStore = true
            case "QRESYNC":
                try cursor.space()
                select.qresync = try cursor.qresync()
            default: throw IMAPSyntaxError("Unknown parameter")
            }
        }
        return select
    }

    /// `(uidvalidity modseq [known-uids] [(numbers uids)])`
    private mutating func qresync() throws(IMAPSyntaxError) -> IMAPSelect.QResync {
        try expect("(")
        let validity = try nonZeroNumber()
        try space()
        var result = IMAPSelect.QResync(uidValidity: validity, modSequence: try modSequence())
        if skip(" "), !peeks("(") {
            result.knownUIDs = try sequenceSet()
            if skip(" ") { result.match = try sequenceMatch() }
        } else if peeks("(") {
            result.match = try sequenceMatch()
        }
        try expect(")")
        return result
    }

    private mutating func sequenceMatch() throws(IMAPSyntaxError) -> IMAPSelect.SequenceMatch {
        try expect("(")
        let numbers = try sequenceSet()
        try space()
        let match = IMAPSelect.SequenceMatch(numbers: numbers, uids: try sequenceSet())
        try expect(")")
        return match
    }
}
