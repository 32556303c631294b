import IMAPGrammar
import LineServer
import MailCore
import SASL

extension IMAPSession {
    /// Longest line of a SASL exchange: base64 of what `Credentials` takes, and room.
    private static let longestResponse = 8192

    /// RFC 3501 6.2.2, RFC 4959
    func authenticate(
        _ request: IMAPAuthenticate, _ connection: isolated LineConnection
    ) async throws -> Completion {
        guard let mechanism = SASLMechanism(request.mechanism.utf8), mechanism == .plain else {
            return .no("This mechanism is not offered", code: .cannot)
        }
        var exchange = SASLServerExchange(mechanism)
        var step = exchange.begin(initial: request.initialResponse?.reveal())
        while true {
            switch step {
            case .challenge(let text):
                out.challenge(String(decoding: text, as: UTF8.self))
                try send(connection)
                switch try await connection.readLine(
                    maximum: Self.longestResponse, timeout: services.options.loginTimeout,
                    deadline: services.options.commandDeadline)
                {
                case .line(let line):
                    connection.event(.line(.fromClient, .secret(line.count)))
                    step = exchange.respond(line)
                case .tooLong:
                    connection.lingers = true
                    throw SessionEnd.bye("Line too long", .longLines)
                }
            case .credentials(let credentials): return try await check(credentials, connection)
            case .cancelled:
                note(.authenticationFailed)
                return .bad("Authentication cancelled")
            case .malformed:
                note(.authenticationFailed)
                return .bad("Invalid response")
            }
        }
    }
}
