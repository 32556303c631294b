import Logging
import ServiceKit

/// Counts connections that came to no session, and logs them at most once a second for each reason: a flood of
/// connections must not become a flood of records.
final class RefusalRecord: Sendable {
    enum Reason: String { case limit = "connection_limit", handshake = "tls_failed" }

    private let refused: [String: Metric.Counter]
    private let failed: [String: Metric.Counter]
    private let logger: Logger
    private let limit = RecordLimit<Reason>()

    init(roles: [String], logger: Logger) {
        func counters(_ name: String, _ help: String) -> [String: Metric.Counter] {
            Dictionary(
                uniqueKeysWithValues: Set(roles).map {
                    ($0, Metric.Counter(name, help: help, labels: ["listener": $0]))
                })
        }
        self.logger = logger
        refused = counters("mail_connections_refused_total", "Connections turned away at a limit.")
        failed = counters("mail_handshakes_failed_total", "Connections that ended before TLS was there.")
    }

    /// - Parameter failure: the last one's, in words of ours or of the TLS library.
    func note(_ reason: Reason, _ connection: LineConnection, failure: String? = nil) {
        let role = connection.listener.role
        (reason == .limit ? refused : failed)[role]?.increment()
        guard let count = limit.note(reason) else { return }
        var metadata: Logger.Metadata = [
            LogKey.reason: "\(reason.rawValue)", LogKey.listener: "\(role)", LogKey.count: "\(count)",
            LogKey.peer: "\(connection.peerAddress)",
        ]
        if let failure { metadata[LogKey.error] = "\(failure)" }
        logger.info("connections refused", metadata: metadata)
    }
}

extension LineConnection {
    /// Why TLS did not come about on a port that begins with it; nil if it did.
    var handshakeFailure: String? { isSecure || closeReason != "tls_failed" ? nil : failure ?? "closed" }
}
