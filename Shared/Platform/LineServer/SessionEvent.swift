package import MailCore

/// Text that may be shown: whoever makes one says what is in it, and a secret has no way in but its length.
///
/// Making one copies a few bytes; they become text for the sessions that somebody is told of.
package struct RedactedText: Sendable, Hashable, CustomStringConvertible {
    private let shown: [UInt8]
    /// What stands for the rest.
    private let rest: String

    private static let maximumBytes = 256

    /// A command or reply without secrets. Control characters are made visible, length is capped.
    package init(line bytes: some Sequence<UInt8>) {
        self.init(shown: Array(bytes.prefix(Self.maximumBytes)), rest: "")
    }

    /// A command whose end is secret: an AUTH or LOGIN command's arguments.
    package init(line bytes: some Sequence<UInt8>, secret count: Int) {
        self.init(shown: Array(bytes.prefix(Self.maximumBytes)), rest: Self.secretText(count))
    }

    /// An AUTH exchange or a password: nothing of it can be printed.
    package static func secret(_ count: Int) -> RedactedText { RedactedText(shown: [], rest: secretText(count)) }

    /// Content of a mail.
    package static func data(_ count: Int) -> RedactedText {
        RedactedText(shown: [], rest: "<\(count) bytes of DATA>")
    }

    private init(shown: [UInt8], rest: String) {
        self.shown = shown
        self.rest = rest
    }

    package var description: String {
        if shown.allSatisfy(isPrintable) { return String(decoding: shown, as: UTF8.self) + rest }
        var text = ""
        text.reserveCapacity(shown.count + rest.utf8.count)
        for byte in shown {
            if isPrintable(byte) {
                text.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                text += "\\x" + hex(byte)
            }
        }
        return text + rest
    }

    private static func secretText(_ count: Int) -> String { "<secret, \(count) bytes>" }
}

private func isPrintable(_ byte: UInt8) -> Bool { byte >= 0x20 && byte < 0x7F }

private func hex(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return digits.utf8.count == 1 ? "0" + digits : digits
}

/// What happens in a session, as it is told to whoever watches it live (redacted where it is made).
package enum SessionEvent: Sendable {
    package enum Direction: Sendable { case fromClient, toClient }

    case opened(role: String, peer: String, localPort: Int)
    /// The handshake is over.
    case tls(TLSHandshake)
    case line(Direction, RedactedText)
    /// The state machine's own name for where it is.
    case state(String)
    case reply(code: Int)
    /// A reply's condition where it is no number: `OK`, `NO`, `-ERR`.
    case result(String)
    /// The client is this account from here on.
    case login(account: AccountID, address: String)
    case closed(SessionSummary)
}

/// What is left of a session when it is over, or known of it so far.
package struct SessionSummary: Sendable {
    package let id: String
    package let role: String
    package let peer: String
    package let localPort: Int
    /// Who logged in, and as what address.
    package let account: AccountID?
    package let address: String?
    package let openedAt: Timestamp
    package let closedAt: Timestamp
    package let secure: Bool
    package let bytesIn: Int
    package let bytesOut: Int
    /// How often the client had to be waited for.
    package let roundTrips: Int
    /// Why it ended, in the session's words; a name of ours, no input.
    package let reason: String

    package init(
        id: String, role: String, peer: String, localPort: Int, account: AccountID? = nil, address: String? = nil,
        openedAt: Timestamp, closedAt: Timestamp, secure: Bool, bytesIn: Int, bytesOut: Int, roundTrips: Int,
        reason: String
    ) {
        self.id = id
        self.role = role
        self.peer = peer
        self.localPort = localPort
        self.account = account
        self.address = address
        self.openedAt = openedAt
        self.closedAt = closedAt
        self.secure = secure
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
        self.roundTrips = roundTrips
        self.reason = reason
    }
}
