import ServiceKit

/// Counted always. Names are `mail_<daemon>_<what>_<unit>`, as Prometheus wants them.
enum IMAPMetrics {
    static let commands = Metric.Counter("mail_accessd_commands_total", help: "IMAP commands completed")
    static let refused = Metric.Counter("mail_accessd_refused_commands_total", help: "IMAP commands answered NO or BAD")
    static let logins = Metric.Counter("mail_accessd_logins_total", help: "Successful logins")
    static let failedLogins = Metric.Counter("mail_accessd_failed_logins_total", help: "Refused logins")
    static let sessions = Metric.Gauge("mail_accessd_sessions", help: "Open IMAP sessions")
    static let idling = Metric.Gauge("mail_accessd_idle_sessions", help: "Sessions waiting in IDLE")
    static let sentBytes = Metric.Counter("mail_accessd_body_bytes_total", help: "Bytes of messages given out")
    static let appended = Metric.Counter("mail_accessd_appended_total", help: "Messages written by APPEND")
    static let commandTime = Metric.Histogram("mail_accessd_command_seconds", help: "Time of a command, IDLE excluded")
}
