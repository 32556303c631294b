import ServiceKit

enum RelayMetrics {
    static let delivered = Metric.Counter("mail_relayd_delivered_total", help: "Copies that another host took.")
    static let deferred = Metric.Counter(
        "mail_relayd_deferred_total", help: "Attempts that failed for now; the copy is tried again.")
    static let failed = Metric.Counter("mail_relayd_failed_total", help: "Copies given up for good.")
    static let lost = Metric.Counter(
        "mail_relayd_outcomes_lost_total", help: "Attempts whose lease was gone when they ended.")
    static let notifications = Metric.Counter(
        "mail_relayd_notifications_total", help: "Notifications of failure sent to senders.")
    static let untold = Metric.Counter(
        "mail_relayd_untold_failures_total", help: "Failures without a sender to tell: null or gone.")
    static let signed = Metric.Counter("mail_relayd_signed_total", help: "Mails signed with a key of their domain.")
    static let unsigned = Metric.Counter("mail_relayd_unsigned_total", help: "Mails of ours that went out unsigned.")
    static let connections = Metric.Counter("mail_relayd_connections_total", help: "Connections to other hosts.")
    static let connectionFailures = Metric.Counter(
        "mail_relayd_connection_failures_total", help: "Hosts that could not be used.")
    static let runs = Metric.Gauge("mail_relayd_destinations", help: "Destinations being delivered to.")
    static let parked = Metric.Counter(
        "mail_relayd_parked_total", help: "Mails parked because their attempts ended the process.")
}
