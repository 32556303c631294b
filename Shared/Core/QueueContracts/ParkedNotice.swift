package import MailCore

/// Work that failed five times, or a hint nobody could read; the mail itself stays in PostgreSQL.
package struct ParkedNotice: BusMessage, Hashable {
    package static let schema = RoutingKey.parked
    package static let version = 1
    /// So many bytes of an undecodable hint are kept.
    package static let maximumPayload = 1024

    package let schema: String
    package let version: Int
    package let stage: String
    package let mail: MailID?
    package let reason: String
    /// The undecodable hint, cut to 1 KiB.
    package let payload: String?

    package init(stage: String, mail: MailID?, reason: String, payload: String? = nil) {
        self.schema = Self.schema
        self.version = Self.version
        self.stage = stage
        self.mail = mail
        self.reason = reason
        self.payload = payload
    }
}
