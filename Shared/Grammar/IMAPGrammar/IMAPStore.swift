/// STORE (RFC 3501 6.4.6) with UNCHANGEDSINCE (RFC 7162 3.1.3).
package struct IMAPStore: Sendable, Equatable {
    package enum Action: Sendable, Equatable { case replace, add, remove }

    package var set: SequenceSet
    package var action: Action
    package var silent: Bool
    package var flags: [IMAPFlag]
    package var unchangedSince: UInt64?

    package init(
        set: SequenceSet, action: Action, silent: Bool = false, flags: [IMAPFlag], unchangedSince: UInt64? = nil
    ) {
        self.set = set
        self.action = action
        self.silent = silent
        self.flags = flags
        self.unchangedSince = unchangedSince
    }
}
