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

extension IMAPCursor {
    /// After the set: `["(" "UNCHANGEDSINCE" SP n ")" SP] ["+" / "-"] "FLAGS" [".SILENT"] SP flags`
    mutating func store(_ set: SequenceSet) throws(IMAPSyntaxError) -> IMAPStore {
        var unchangedSince: UInt64?
        if skip("(") {
            guard skip(word: "UNCHANGEDSINCE") else { throw IMAPSyntaxError("Unknown modifier") }
            try space()
            unchangedSince = try modSequence()
            try expect(")")
            try space()
        }
        let action: IMAPStore.Action = skip("+") ? .add : skip("-") ? .remove : .replace
        let item = try word()
        guard item == "FLAGS" || item == "FLAGS.SILENT" else { throw IMAPSyntaxError("Unknown store item") }
        try space()
        let flags = peeks("(") ? try flagList() : try spacedFlags()
        return IMAPStore(
            set: set, action: action, silent: item == "FLAGS.SILENT", flags: flags, unchangedSince: unchangedSince)
    }

    private mutating func spacedFlags() throws(IMAPSyntaxError) -> [IMAPFlag] {
        var flags: [IMAPFlag] = []
        repeat {
            guard flags.count < IMAPLimits.flags else { throw IMAPSyntaxError("Too many flags") }
            let flag = try flag()
            if !flags.contains(flag) { flags.append(flag) }
        } while skip(" ")
        guard !flags.contains(.recent) else { throw IMAPSyntaxError("\\Recent cannot be changed") }
        return flags
    }
}
