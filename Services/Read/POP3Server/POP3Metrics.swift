import ServiceKit

/// What POP3 counts. Labels come from `POP3Reason` only.
enum POP3Metrics {
    static let open = Metric.Gauge("mail_accessd_pop3_sessions", help: "Open POP3 sessions")
    static let commands = Metric.Counter("mail_accessd_pop3_commands_total", help: "POP3 commands answered +OK")
    static let retrieved = Metric.Counter(
        "mail_accessd_pop3_retrieved_total", help: "Messages given out by RETR and TOP")
    static let sentBytes = Metric.Counter("mail_accessd_pop3_body_bytes_total", help: "Bytes of messages given out")
    static let deleted = Metric.Counter("mail_accessd_pop3_deleted_total", help: "Messages removed at QUIT")
    private static let refused = perReason("mail_accessd_pop3_refused_total", "POP3 commands answered -ERR, by reason")
    private static let ended = perReason("mail_accessd_pop3_sessions_ended_total", "POP3 sessions ended, by reason")

    static func countRefusal(_ reason: POP3Reason) { refused[reason]?.increment() }
    static func countEnd(_ reason: POP3Reason) { ended[reason]?.increment() }

    private static func perReason(_ name: String, _ help: String) -> [POP3Reason: Metric.Counter] {
        Dictionary(
            uniqueKeysWithValues: POP3Reason.allCases.map {
                ($0, Metric.Counter(name, help: help, labels: ["reason": $0.rawValue]))
            })
    }
}
