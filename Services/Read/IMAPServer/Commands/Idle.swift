import IMAPGrammar
import LineServer
import ServiceKit

extension IMAPSession {
    /// Longest line that is taken while waiting for DONE.
    private static let longestLine = 8192

    /// RFC 2177. The session costs nothing until its mailbox changes or the client speaks.
    func idle(_ connection: isolated LineConnection) async throws -> Completion {
        out.continuation("idling")
        IMAPMetrics.idling.add(1)
        defer { IMAPMetrics.idling.add(-1) }
        let mailbox = selection?.mailbox
        mailbox?.sleep(connection)
        defer { mailbox?.rise(connection) }
        let end = ContinuousClock.now + services.options.autologout
        while true {
            if mailbox != nil { try report(expunges: true) }
            try send(connection)
            switch try await connection.waitForInput(timeout: ContinuousClock.now.duration(to: end)) {
            case .woken:
                out.isWatched = SessionTap.isWatched
                continue
            case .timedOut: throw LineError.timeout
            case .input: break
            }
            let line = try await connection.readLine(
                maximum: Self.longestLine, timeout: services.options.commandDeadline,
                deadline: services.options.commandDeadline)
            guard case .line(let bytes) = line else {
                connection.lingers = true
                throw SessionEnd.bye("Line too long", .longLines)
            }
            return IMAPContinuationLine.isDone(bytes) ? .ok("IDLE completed") : .bad("Expected DONE")
        }
    }
}
