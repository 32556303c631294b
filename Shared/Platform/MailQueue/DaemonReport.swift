package import QueueContracts
package import ServiceKit

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a daemon says of itself every few seconds, on exchange `martlet.watch` with key `daemon.<name>`.
///
/// Not a `BusMessage`, because it carries metrics, which the core does not know.
package struct DaemonReport: Sendable, Codable {
    package static let schema = "daemon.report"
    package static let version = 1
    /// Larger ones are not read.
    package static let maximumBytes = 262_144

    package let schema: String
    package let version: Int
    /// `smtpd`, `filerd`, ...
    package let daemon: String
    /// Tells several processes of one daemon apart.
    package let instance: String
    package let host: String
    package let pid: Int32
    /// RFC 3339.
    package let startedAt: String
    package let release: String
    package let ready: Bool
    /// Why not, in plain words.
    package let reasons: [String]
    /// Resident bytes.
    package let rss: Int
    package let metrics: [MetricFamily]

    package init(
        daemon: String, instance: String, host: String, pid: Int32, startedAt: String, reasons: [String], rss: Int,
        metrics: [MetricFamily]
    ) {
        self.schema = Self.schema
        self.version = Self.version
        self.daemon = daemon
        self.instance = instance
        self.host = host
        self.pid = pid
        self.startedAt = startedAt
        self.release = Version.current
        self.ready = reasons.isEmpty
        self.reasons = reasons
        self.rss = rss
        self.metrics = metrics
    }

    package func encoded() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return [UInt8](try encoder.encode(self))
    }

    /// A later version may add fields; one that this version cannot read is an error.
    package static func decode(_ bytes: [UInt8]) throws(ContractError) -> DaemonReport {
        guard bytes.count <= maximumBytes else { throw .tooMany(bytes.count) }
        guard let report = try? JSONDecoder().decode(DaemonReport.self, from: Data(bytes)) else { throw .unreadable }
        guard report.schema == schema else { throw .unknownSchema(String(report.schema.prefix(64))) }
        return report
    }
}
