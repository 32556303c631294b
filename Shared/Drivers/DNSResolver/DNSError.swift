/// Why there is no answer.
package enum DNSError: Error, Equatable, Sendable {
    /// The name does not exist (NXDOMAIN).
    case noSuchName
    /// The name exists, but has no record of the type (NODATA).
    case noSuchRecord
    /// The answer's signatures are wrong (RFC 4035 5): treat as temporary, never as absent.
    case bogus(String)
    /// SERVFAIL, no server, time out: try again later.
    case temporary(String)
    /// What was asked can't be a name: a label above 63, a name above 253 octets, an empty label.
    case malformedName

    package var isTemporary: Bool {
        switch self {
        case .bogus, .temporary: true
        case .noSuchName, .noSuchRecord, .malformedName: false
        }
    }
}
