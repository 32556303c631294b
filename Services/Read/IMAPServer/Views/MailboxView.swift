package import Storage

/// One version of a selected mailbox: its UIDs in order with their flags. Immutable and shared: a session keeps the
/// version whose sequence numbers its client knows, whatever happens to the mailbox meanwhile.
package struct MailboxView: Sendable {
    package let uidValidity: UInt32
    package private(set) var uidNext: Int64
    package private(set) var modseq: Int64
    package private(set) var keywords: MailboxKeywords
    /// Ascending; message n of the session is `uids[n - 1]`.
    package private(set) var uids: [UInt32]
    package private(set) var flags: [MailboxFlags]
    /// The modseq of the last version that lost messages, or of the snapshot: two versions with the same value have no
    /// EXPUNGE between them. A count would not do: one refresh may bring what another saw as several changes.
    package private(set) var expunges: Int64

    package init(
        uidValidity: UInt32, uidNext: Int64, modseq: Int64, keywords: MailboxKeywords, uids: [UInt32],
        flags: [MailboxFlags]
    ) {
        self.uidValidity = uidValidity
        self.uidNext = uidNext
        self.modseq = modseq
        self.keywords = keywords
        self.uids = uids
        self.flags = flags
        self.expunges = modseq
    }

    package init(_ snapshot: MailboxSnapshot) {
        self.init(
            uidValidity: snapshot.record.uidValidity, uidNext: snapshot.record.uidNext, modseq: snapshot.record.modseq,
            keywords: snapshot.record.keywords, uids: snapshot.uids, flags: snapshot.flags)
    }

    package var count: Int { uids.count }

    /// Bytes that keeping the version costs.
    package var cost: Int { 256 + uids.count * 12 }

    /// The position of a UID; `nil` if it is not in this version.
    package func position(of uid: UInt32) -> Int? {
        let position = firstPosition(notBelow: uid)
        return position < uids.count && uids[position] == uid ? position : nil
    }

    package func firstPosition(notBelow uid: UInt32) -> Int {
        var low = 0
        var high = uids.count
        while low < high {
            let middle = low + (high - low) / 2
            if uids[middle] < uid { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The UIDs of this version that lie in `runs`.
    package func uids(in runs: UIDRuns) -> [UInt32] {
        runs.ranges.flatMap { run in
            let end = run.upperBound == .max ? count : firstPosition(notBelow: run.upperBound + 1)
            return uids[firstPosition(notBelow: run.lowerBound)..<end]
        }
    }

    /// The sequence number of the first message without \Seen.
    package var firstUnseen: Int? { flags.firstIndex { !$0.contains(.seen) }.map { $0 + 1 } }

    /// Messages from a UID on.
    package func count(above uid: Int64) -> Int {
        guard let uid = UInt32(exactly: max(uid, 0)), uid < .max else { return 0 }
        return count - firstPosition(notBelow: uid + 1)
    }
}

// MARK: - Next versions

extension MailboxView {
    /// The version after `delta`. Changes of messages that this version never had and that were expunged since are
    /// ignored; new messages have UIDs above all others.
    package func applying(_ delta: MailboxDelta) -> MailboxView {
        var next = self
        next.uidNext = max(uidNext, delta.uidNext)
        next.modseq = max(modseq, delta.after)
        if delta.keywords.names.count >= keywords.names.count { next.keywords = delta.keywords }
        next.remove(delta.expunged)
        next.change(delta.changed)
        return next
    }

    /// The same messages with other flags, as a session's own STORE made them; says nothing of the mailbox's modseq.
    package func applyingFlags(_ entries: [MailboxDelta.Entry], keywords: MailboxKeywords) -> MailboxView {
        var next = self
        if keywords.names.count >= next.keywords.names.count { next.keywords = keywords }
        next.change(entries, adding: false)
        return next
    }

    /// The messages of this version and those of `newer`, with the flags of `newer`: what may be told while EXPUNGE may
    /// not (RFC 3501 7.4.1).
    package func keepingExpunged(upTo newer: MailboxView) -> MailboxView {
        guard newer.expunges != expunges else { return newer }
        var next = newer
        next.expunges = expunges
        next.uids = []
        next.flags = []
        next.uids.reserveCapacity(max(uids.count, newer.uids.count))
        next.flags.reserveCapacity(max(uids.count, newer.uids.count))
        var ours = 0
        for (theirs, uid) in newer.uids.enumerated() {
            while ours < uids.count, uids[ours] < uid {
                next.append(uids[ours], flags[ours])
                ours += 1
            }
            if ours < uids.count, uids[ours] == uid { ours += 1 }
            next.append(uid, newer.flags[theirs])
        }
        while ours < uids.count {
            next.append(uids[ours], flags[ours])
            ours += 1
        }
        return next
    }

    private mutating func append(_ uid: UInt32, _ flag: MailboxFlags) {
        uids.append(uid)
        flags.append(flag)
    }

    private mutating func change(_ entries: [MailboxDelta.Entry], adding: Bool = true) {
        for entry in entries {
            if let last = uids.last, entry.uid <= last {
                if let position = position(of: entry.uid) { flags[position] = entry.flags }
            } else if adding {
                append(entry.uid, entry.flags)
            }
        }
    }

    private mutating func remove(_ gone: [UInt32]) {
        guard let first = gone.first else { return }
        var target = firstPosition(notBelow: first)
        guard target < uids.count else { return }
        var nextGone = 0
        let before = uids.count
        for source in target..<uids.count {
            let uid = uids[source]
            while nextGone < gone.count, gone[nextGone] < uid { nextGone += 1 }
            if nextGone < gone.count, gone[nextGone] == uid { continue }
            uids[target] = uid
            flags[target] = flags[source]
            target += 1
        }
        uids.removeSubrange(target...)
        flags.removeSubrange(target...)
        if target != before { expunges = modseq }
    }
}
