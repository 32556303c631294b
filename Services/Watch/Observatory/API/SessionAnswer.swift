import MailCore
import QueueContracts

/// One session, as the list and the stream show it.
struct SessionAnswer: Encodable, Sendable {
    let id: String
    let daemon: String
    let role: String
    let peer: String
    let localPort: Int
    @Nullable var account: String? = nil
    let openedAt: String
    @Nullable var closedAt: String? = nil
    @Nullable var durationSeconds: Double? = nil
    let secure: Bool
    let bytesIn: Int
    let bytesOut: Int
    let roundTrips: Int
    @Nullable var reason: String? = nil
    let state: String
    let lines: Int
    let words: String

    init(_ id: String, _ daemon: String, _ facts: SessionReport.Facts, lines: Int) {
        self.id = id
        self.daemon = daemon
        self.lines = lines
        role = facts.role
        peer = facts.peer
        localPort = facts.localPort
        self.account = facts.address
        let opened = Timestamp(microseconds: facts.openedAt)
        openedAt = opened.text
        let closed = facts.closedAt.map { Timestamp(microseconds: $0) }
        closedAt = closed?.text
        let duration = closed?.seconds(since: opened)
        durationSeconds = duration
        secure = facts.isSecure
        bytesIn = facts.bytesIn
        bytesOut = facts.bytesOut
        roundTrips = facts.roundTrips
        reason = facts.reason
        state = closed == nil ? "open" : "closed"
        var words = "\(facts.role) \(facts.role == "relay" ? "to" : "from") \(facts.peer)"
        if let address = facts.address { words += ", \(address)" }
        if let duration { words += ", \(duration) s" }
        words += facts.isSecure ? ", TLS" : ", in the clear"
        if closed != nil { words += ", \(Words.count(Int64(facts.roundTrips), "round trip"))" }
        words += facts.reason.map { ", ended: \($0)" } ?? ", open"
        self.words = words
    }
}

/// One line of a transcript.
struct LineAnswer: Encodable, Sendable {
    struct TLS: Encodable, Sendable {
        let version: String
        let suite: String
        let offeredVersions: [String]
        let offeredSuites: [String]
        @Nullable var serverName: String? = nil
        let offeredProtocols: [String]
        let resumed: Bool
        let chain: [String]
        let seconds: Double
    }

    let session: String
    let n: Int
    let at: String
    let seconds: Double
    let kind: String
    @Nullable var direction: String? = nil
    let text: String
    let tls: TLS?

    /// `nil` for what is no line: a session's beginning and end.
    init?(_ event: SessionReport.Event, number: Int, openedAt: Int64) {
        switch event.kind {
        case .seen, .closed: return nil
        case .line, .state, .reply, .login: text = event.text ?? ""
        case .tls: text = event.tls.map { "\(TLSNames.version($0.version)), \(TLSNames.suite($0.suite))" } ?? "TLS"
        }
        session = event.session
        n = number
        let moment = Timestamp(microseconds: event.at)
        at = moment.text
        seconds = max(0, moment.seconds(since: Timestamp(microseconds: openedAt)))
        kind = event.kind.rawValue
        direction = event.isFromClient.map { $0 ? "client" : "server" }
        tls = event.tls.map(TLS.init)
    }

    /// Says how many lines are missing between others.
    init(session: String, dropped: Int, number: Int, at moment: Int64, openedAt: Int64) {
        self.session = session
        n = number
        at = Timestamp(microseconds: moment).text
        seconds = max(0, Timestamp(microseconds: moment).seconds(since: Timestamp(microseconds: openedAt)))
        kind = "dropped"
        text = Words.count(Int64(dropped), "line is", "lines are") + " not kept"
        tls = nil
    }
}

extension LineAnswer.TLS {
    init(_ tls: SessionReport.TLS) {
        version = TLSNames.version(tls.version)
        suite = TLSNames.suite(tls.suite)
        offeredVersions = tls.offeredVersions.map(TLSNames.version)
        offeredSuites = tls.offeredSuites.map(TLSNames.suite)
        serverName = tls.serverName
        offeredProtocols = tls.offeredProtocols
        resumed = tls.isResumed
        chain = tls.chain
        seconds = rounded(Double(tls.microseconds) / 1_000_000)
    }
}

/// Names of the IANA registry for what is seen often; the number otherwise.
enum TLSNames {
    static func version(_ number: Int) -> String {
        switch number {
        case 0: "unknown"
        case 0x0300: "SSL 3.0"
        case 0x0301: "TLS 1.0"
        case 0x0302: "TLS 1.1"
        case 0x0303: "TLS 1.2"
        case 0x0304: "TLS 1.3"
        default: hexadecimal(number)
        }
    }

    static func suite(_ number: Int) -> String { suites[number] ?? (number == 0 ? "unknown" : hexadecimal(number)) }

    private static func hexadecimal(_ number: Int) -> String {
        let digits = String(UInt16(truncatingIfNeeded: number), radix: 16)
        // RFC 8701: values sent only so that nobody chokes on unknown ones.
        let isGrease = number & 0x0F0F == 0x0A0A && number >> 8 == number & 0xFF
        return "0x" + String(repeating: "0", count: 4 - digits.count) + digits + (isGrease ? " (GREASE)" : "")
    }

    private static let suites: [Int: String] = [
        0x002F: "TLS_RSA_WITH_AES_128_CBC_SHA", 0x0035: "TLS_RSA_WITH_AES_256_CBC_SHA",
        0x009C: "TLS_RSA_WITH_AES_128_GCM_SHA256", 0x009D: "TLS_RSA_WITH_AES_256_GCM_SHA384",
        0x009E: "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", 0x009F: "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
        0x00FF: "TLS_EMPTY_RENEGOTIATION_INFO_SCSV", 0x1301: "TLS_AES_128_GCM_SHA256",
        0x1302: "TLS_AES_256_GCM_SHA384", 0x1303: "TLS_CHACHA20_POLY1305_SHA256",
        0xC009: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", 0xC00A: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
        0xC013: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", 0xC014: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        0xC023: "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", 0xC024: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
        0xC027: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", 0xC028: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
        0xC02B: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xC02C: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        0xC02F: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xC030: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        0xCCA8: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        0xCCA9: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 0xCCAA: "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    ]
}

/// `GET /api/v1/sessions`
struct SessionsAnswer: Encodable, Sendable { let sessions: [SessionAnswer] }

/// `GET /api/v1/sessions/ID`
struct TranscriptAnswer: Encodable, Sendable {
    let session: SessionAnswer
    let lines: [LineAnswer]
}
