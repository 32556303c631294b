import ServiceKit

/// What smtpd counts. Labels come from `SMTPRole` and `SMTPReason` only.
enum SMTPMetrics {
    static let accepted = perRole("mail_smtpd_accepted_total", "Mails answered with 250.")
    static let acceptedBytes = perRole("mail_smtpd_accepted_bytes", "Octets of accepted mails.")
    static let sessions = perRole("mail_smtpd_sessions_total", "Sessions begun.")
    static let open = Metric.Gauge("mail_smtpd_sessions_open", help: "Sessions now.")
    static let acceptance = Metric.Histogram(
        "mail_smtpd_acceptance_seconds", help: "From the last dot to the reply, accepted mails.")
    private static let refused = perReason("mail_smtpd_refused_total", "Negative replies by reason.")
    private static let ended = perReason("mail_smtpd_sessions_ended_total", "Sessions ended by reason.")

    static func countRefusal(_ reason: SMTPReason) { refused[reason]?.increment() }
    static func countEnd(_ reason: SMTPReason) { ended[reason]?.increment() }

    private static func perRole(_ name: String, _ help: String) -> [SMTPRole: Metric.Counter] {
        Dictionary(
            uniqueKeysWithValues: SMTPRole.allCases.map {
                ($0, Metric.Counter(name, help: help, labels: ["listener": $0.rawValue]))
            })
    }

    private static func perReason(_ name: String, _ help: String) -> [SMTPReason: Metric.Counter] {
        Dictionary(
            uniqueKeysWithValues: SMTPReason.allCases.map {
                ($0, Metric.Counter(name, help: help, labels: ["reason": $0.rawValue]))
            })
    }
}
