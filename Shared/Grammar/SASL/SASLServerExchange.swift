import MailCore
import MailWire

/// The server's side of an AUTH exchange, without I/O: base64 lines in, challenges and at last credentials out.
///
/// SMTP (RFC 4954) and IMAP (RFC 9051 6.2.2) carry it alike. The type holds secrets and prints none.
package struct SASLServerExchange: Sendable {
    package enum Step: Sendable {
        /// Send this, already in base64, and wait for an answer.
        case challenge([UInt8])
        case credentials(Credentials)
        /// The client sent `*`.
        case cancelled
        /// Not base64, or not what the mechanism says.
        case malformed
    }

    private enum State: Sendable {
        case awaitingPlain
        case awaitingLoginName
        case awaitingLoginPassword(Secret<[UInt8]>)
        case done
    }

    package let mechanism: SASLMechanism
    private var state: State

    package init(_ mechanism: SASLMechanism) {
        self.mechanism = mechanism
        self.state = mechanism == .plain ? .awaitingPlain : .awaitingLoginName
    }

    /// `initial` is the initial response of the command line, `nil` when there was none; `=` stands for an empty one.
    package mutating func begin(initial: [UInt8]?) -> Step {
        guard let initial else {
            return .challenge(mechanism == .plain ? [] : Base64.encode(Array("Username:".utf8)))
        }
        return respond(initial == [UInt8(ascii: "=")] ? [] : initial)
    }

    /// One line from the client, without CRLF.
    package mutating func respond(_ line: [UInt8]) -> Step {
        if line == [UInt8(ascii: "*")] { return end(.cancelled) }
        guard let bytes = Base64.decodeStrict(line) else { return end(.malformed) }
        switch state {
        case .awaitingPlain:
            return end(Self.plain(bytes).map(Step.credentials) ?? .malformed)
        case .awaitingLoginName:
            state = .awaitingLoginPassword(Secret(bytes))
            return .challenge(Base64.encode(Array("Password:".utf8)))
        case .awaitingLoginPassword(let name):
            return end(Credentials(identity: name.reveal(), password: bytes).map(Step.credentials) ?? .malformed)
        case .done:
            return .malformed
        }
    }

    private mutating func end(_ step: Step) -> Step {
        state = .done
        return step
    }

    /// RFC 4616 2: `[authzid] NUL authcid NUL passwd`. Acting for somebody else is not offered.
    private static func plain(_ message: [UInt8]) -> Credentials? {
        let parts = message.split(separator: 0, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].isEmpty || parts[0] == parts[1] else { return nil }
        return Credentials(identity: parts[1], password: parts[2])
    }
}
