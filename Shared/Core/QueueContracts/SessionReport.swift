/// What a daemon tells of its sessions: events as they happen, or its last sessions. Every text was redacted where it was
/// made.
package struct SessionReport: BusMessage, Hashable {
    package static let schema = "session.report"
    package static let version = 1
    /// More events, or summaries, than this never share a report.
    package static let maximumEntries = 100

    package let schema: String
    package let version: Int
    package let daemon: String
    /// The request's number, when these are the summaries that it asked for; the last report of them says so.
    package let summaries: Int?
    package let isLast: Bool?
    /// In the order of their happening.
    package let events: [Event]
    /// Left out since the last report for want of speed.
    package let droppedEvents: Int
    package let droppedSessions: Int

    package init(
        daemon: String, events: [Event], droppedEvents: Int = 0, droppedSessions: Int = 0, summaries: Int? = nil,
        isLast: Bool? = nil
    ) {
        self.schema = Self.schema
        self.version = Self.version
        self.daemon = daemon
        self.events = events
        self.droppedEvents = droppedEvents
        self.droppedSessions = droppedSessions
        self.summaries = summaries
        self.isLast = isLast
    }
}

extension SessionReport {
    /// One event. Which of the optional parts are there depends on the kind.
    package struct Event: Sendable, Hashable, Codable {
        package enum Kind: String, Sendable, Hashable, Codable {
            /// The session is seen for the first time; with facts.
            case seen
            case line, tls, state, reply, login
            /// With facts.
            case closed
        }

        package let session: String
        /// Microseconds since 1970.
        package let at: Int64
        package let kind: Kind
        /// Of a line: who spoke.
        package let isFromClient: Bool?
        package let text: String?
        package let account: Int64?
        package let facts: Facts?
        package let tls: TLS?

        package init(
            session: String, at: Int64, kind: Kind, isFromClient: Bool? = nil, text: String? = nil,
            account: Int64? = nil, facts: Facts? = nil, tls: TLS? = nil
        ) {
            self.session = session
            self.at = at
            self.kind = kind
            self.isFromClient = isFromClient
            self.text = text
            self.account = account
            self.facts = facts
            self.tls = tls
        }
    }

    /// What is known of a session.
    package struct Facts: Sendable, Hashable, Codable {
        package let role: String
        package let peer: String
        package let localPort: Int
        package let account: Int64?
        package let address: String?
        package let openedAt: Int64
        /// `nil` while it lasts.
        package let closedAt: Int64?
        package let isSecure: Bool
        package let bytesIn: Int
        package let bytesOut: Int
        package let roundTrips: Int
        package let reason: String?

        package init(
            role: String, peer: String, localPort: Int, account: Int64?, address: String?, openedAt: Int64,
            closedAt: Int64?, isSecure: Bool, bytesIn: Int, bytesOut: Int, roundTrips: Int, reason: String?
        ) {
            self.role = role
            self.peer = peer
            self.localPort = localPort
            self.account = account
            self.address = address
            self.openedAt = openedAt
            self.closedAt = closedAt
            self.isSecure = isSecure
            self.bytesIn = bytesIn
            self.bytesOut = bytesOut
            self.roundTrips = roundTrips
            self.reason = reason
        }
    }

    /// A TLS handshake, numbers as on the wire.
    package struct TLS: Sendable, Hashable, Codable {
        package let version: Int
        package let suite: Int
        package let offeredVersions: [Int]
        package let offeredSuites: [Int]
        package let serverName: String?
        package let offeredProtocols: [String]
        package let isResumed: Bool
        package let chain: [String]
        package let microseconds: Int64

        package init(
            version: Int, suite: Int, offeredVersions: [Int], offeredSuites: [Int], serverName: String?,
            offeredProtocols: [String], isResumed: Bool, chain: [String], microseconds: Int64
        ) {
            self.version = version
            self.suite = suite
            self.offeredVersions = offeredVersions
            self.offeredSuites = offeredSuites
            self.serverName = serverName
            self.offeredProtocols = offeredProtocols
            self.isResumed = isResumed
            self.chain = chain
            self.microseconds = microseconds
        }
    }
}
