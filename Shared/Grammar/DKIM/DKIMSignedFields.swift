import MailWire

/// Which fields a signature covers (RFC 6376 5.4.1).
///
/// A name listed once more than it occurs is oversigned (RFC 6376 8.15): a field added later breaks the signature.
enum DKIMSignedFields {
    private enum Rule {
        /// Listed once more than it occurs, also when it does not occur.
        case always
        /// Listed once more than it occurs, when it occurs: a host on the way may add it where it is missing.
        case whenPresent
        /// Listed as often as it occurs: mailing lists add more of them.
        case asFound
    }

    private static let rules: [(name: String, rule: Rule)] = [
        ("from", .always), ("to", .always), ("cc", .always), ("subject", .always), ("reply-to", .always),
        ("sender", .always), ("date", .whenPresent), ("message-id", .whenPresent), ("in-reply-to", .always),
        ("references", .always), ("mime-version", .whenPresent), ("content-type", .whenPresent),
        ("content-transfer-encoding", .whenPresent), ("content-disposition", .whenPresent),
        // RFC 8058 4: one-click unsubscribing needs these two signed.
        ("list-unsubscribe", .asFound), ("list-unsubscribe-post", .asFound), ("list-id", .asFound),
        ("auto-submitted", .asFound),
    ]

    /// The names of `h=` in order, and the fields they cover in the order in which they are hashed: the instances of a
    /// name from the bottom up (RFC 6376 5.4.2).
    static func select(from header: DKIMHeader) throws(DKIMError) -> (names: [String], fields: [DKIMHeader.Field]) {
        var found: [[UInt8]: [DKIMHeader.Field]] = [:]
        for field in header.fields { found[field.name, default: []].append(field) }
        var names: [String] = []
        var fields: [DKIMHeader.Field] = []
        for (name, rule) in rules {
            let instances = found[Array(name.utf8)] ?? []
            guard instances.count <= DKIMLimits.instances else { throw .tooLarge }
            // RFC 6376 5.4: From is signed in any case; RFC 5322 3.6: there is exactly one.
            if name == "from", instances.count != 1 { throw .ambiguousHeader }
            fields += instances.reversed()
            let isOversigned = rule == .always || rule == .whenPresent && !instances.isEmpty
            names += repeatElement(name, count: instances.count + (isOversigned ? 1 : 0))
        }
        return (names, fields)
    }
}
