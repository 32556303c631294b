import MailCore
import MailWire
import SASL

/// AUTH exchanges and the stored form of a password.
enum SASLOracle {
    static func check(_ input: [UInt8]) throws(OracleFailure) {
        let lines = input.split(separator: 10, omittingEmptySubsequences: false).map { Array($0) }
        for mechanism in SASLMechanism.allCases {
            try exchange(mechanism, initial: nil, lines)
            try exchange(mechanism, initial: lines[0], Array(lines.dropFirst()))
            // Most inputs are no base64.
            try exchange(mechanism, initial: nil, lines.map { Base64.encode($0) })
        }
        _ = SASLMechanism(input)
        let text = String(decoding: input, as: UTF8.self)
        if let verifier = ScramVerifier(text) {
            try expectEqual(ScramVerifier(verifier.description), verifier, "the stored form changes")
            try expect(verifier.iterations <= ScramVerifier.maximumIterations, "a record that stalls logins")
        }
    }

    private static func exchange(
        _ mechanism: SASLMechanism, initial: [UInt8]?, _ lines: [[UInt8]]
    ) throws(OracleFailure) {
        var exchange = SASLServerExchange(mechanism)
        var step = exchange.begin(initial: initial)
        var challenges = 0
        for line in lines {
            guard case .challenge(let challenge) = step else { break }
            challenges += 1
            try expect(challenges <= 2, "an exchange without end")
            try expect(Base64.decodeStrict(challenge) != nil, "a challenge that is no base64")
            step = exchange.respond(line)
        }
        if case .credentials(let credentials) = step { try look(credentials) }
        if case .challenge = step { return }
        guard case .malformed = exchange.respond([]) else { throw OracleFailure("an exchange goes on after its end") }
    }

    private static func look(_ credentials: Credentials) throws(OracleFailure) {
        let name = credentials.identity
        try expect(!name.isEmpty && name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a name with control characters")
        let password = credentials.password.reveal()
        try expect(!password.isEmpty && !password.contains(0), "an empty password, or one with NUL")
        let text = String(decoding: password, as: UTF8.self)
        // Short ones, and the name again, may well be in there.
        guard password.count >= 12, !name.contains(text) else { return }
        try expect(!"\(credentials)".contains(text), "prints a password")
    }
}
