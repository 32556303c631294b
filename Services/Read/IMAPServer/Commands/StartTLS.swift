import IMAPGrammar
import LineServer

extension IMAPSession {
    /// RFC 3501 6.2.1. Clear text behind the command ends the connection (CVE-2011-0411, CVE-2021-33515): the injected
    /// line is never looked at, inside TLS or outside.
    func startTLS(_ tag: String, _ connection: isolated LineConnection) async throws -> Completion {
        guard !connection.hasInput else { throw LineError.pipelinedPlaintext }
        out.tagged(tag, .ok, "Begin TLS negotiation now")
        try send(connection)
        try await connection.startTLS()
        machine = SessionMachine()
        framer = IMAPCommandFramer(limits: .beforeLogin)
        throw CommandAnswered()
    }
}

/// The command has written its own tagged answer.
struct CommandAnswered: Error {}
