/// What stands in brackets after OK, NO, BAD, BYE (RFC 3501 7.1, RFC 5530 and extensions).
package enum IMAPResponseCode: Sendable, Equatable {
    case alert, parse, readOnly, readWrite, tryCreate
    case capability([String])
    case badCharset
    case permanentFlags([IMAPFlag], newKeywords: Bool)
    case uidNext(UInt32), uidValidity(UInt32), unseen(UInt32)
    case appendUID(uidValidity: UInt32, uid: UInt32)  // RFC 4315
    case copyUID(uidValidity: UInt32, source: NumberSet, destination: NumberSet)  // RFC 4315
    case uidNotSticky
    case highestModSeq(UInt64), noModSeq, modified(NumberSet)  // RFC 7162
    case closed  // RFC 7162 3.2.11
    case unavailable, authenticationFailed, authorizationFailed, privacyRequired  // RFC 5530
    case noPermission, inUse, expungeIssued, overQuota, limit, alreadyExists, nonExistent
    case contactAdmin, cannot, serverBug, clientBug
    case tooBig  // RFC 4469
    case useAttribute  // RFC 6154
}

extension IMAPResponseWriter {
    /// Without the brackets.
    mutating func responseCode(_ code: IMAPResponseCode) {
        switch code {
        case .alert: word("ALERT")
        case .parse: word("PARSE")
        case .readOnly: word("READ-ONLY")
        case .readWrite: word("READ-WRITE")
        case .tryCreate: word("TRYCREATE")
        case .capability(let names):
            word("CAPABILITY ")
            separated(names) { $0.raw($1) }
        case .badCharset: word("BADCHARSET (US-ASCII UTF-8)")
        case .permanentFlags(let flags, let newKeywords):
            word("PERMANENTFLAGS ")
            list(flags.map(\.name) + (newKeywords ? ["\\*"] : [])) { $0.raw($1) }
        case .uidNext(let uid): numbered("UIDNEXT ", uid)
        case .uidValidity(let value): numbered("UIDVALIDITY ", value)
        case .unseen(let number): numbered("UNSEEN ", number)
        case .appendUID(let validity, let uid):
            numbered("APPENDUID ", validity)
            numbered(" ", uid)
        case .copyUID(let validity, let source, let destination):
            numbered("COPYUID ", validity)
            space()
            numberSet(source)
            space()
            numberSet(destination)
        case .uidNotSticky: word("UIDNOTSTICKY")
        case .highestModSeq(let value): numbered("HIGHESTMODSEQ ", value)
        case .noModSeq: word("NOMODSEQ")
        case .modified(let set):
            word("MODIFIED ")
            numberSet(set)
        default: word(code.plainName)
        }
    }

    private mutating func numbered(_ name: StaticString, _ value: some BinaryInteger) {
        word(name)
        number(value)
    }
}

extension IMAPResponseCode {
    /// Codes that are one word.
    fileprivate var plainName: StaticString {
        switch self {
        case .closed: "CLOSED"
        case .unavailable: "UNAVAILABLE"
        case .authenticationFailed: "AUTHENTICATIONFAILED"
        case .authorizationFailed: "AUTHORIZATIONFAILED"
        case .privacyRequired: "PRIVACYREQUIRED"
        case .noPermission: "NOPERM"
        case .inUse: "INUSE"
        case .expungeIssued: "EXPUNGEISSUED"
        case .overQuota: "OVERQUOTA"
        case .limit: "LIMIT"
        case .alreadyExists: "ALREADYEXISTS"
        case .nonExistent: "NONEXISTENT"
        case .contactAdmin: "CONTACTADMIN"
        case .cannot: "CANNOT"
        case .serverBug: "SERVERBUG"
        case .clientBug: "CLIENTBUG"
        case .tooBig: "TOOBIG"
        case .useAttribute: "USEATTR"
        default: "ALERT"
        }
    }
}
