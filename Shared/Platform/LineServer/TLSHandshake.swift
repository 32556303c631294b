/// What both sides said in the clear at the start of TLS (RFC 8446 4.1.2, 4.1.3), for whoever watches a session.
package struct TLSHandshake: Sendable, Hashable {
    /// As on the wire, e.g. 0x0304 for TLS 1.3; GREASE (RFC 8701) included, because the client sent it.
    package internal(set) var offeredVersions: [UInt16] = []
    package internal(set) var offeredSuites: [UInt16] = []
    /// The host name the client asked for (RFC 6066 3).
    package internal(set) var serverName: RedactedText?
    /// RFC 7301.
    package internal(set) var offeredProtocols: [RedactedText] = []
    /// The client holds a ticket or a key of an earlier session.
    package internal(set) var offersResumption = false

    /// 0 until the server has answered.
    package internal(set) var version: UInt16 = 0
    package internal(set) var suite: UInt16 = 0
    package internal(set) var isResumed = false
    /// The certificates we show, the server's own first.
    package internal(set) var certificateChain: [String] = []
    /// From the first byte to the end of the handshake.
    package internal(set) var duration: Duration = .zero

    private var clientSessionID: ArraySlice<UInt8> = []

    package init() {}

    /// Reads a ClientHello's body. What is malformed is left out: the TLS library judges it.
    package mutating func readClientHello(_ body: ArraySlice<UInt8>) {
        var reader = HelloReader(body)
        guard let legacy = reader.number16(), reader.skip(32), let session = reader.vector8(),
            let suites = reader.vector16(), reader.vector8() != nil
        else { return }
        offeredVersions = [legacy]
        clientSessionID = session
        offeredSuites = HelloReader.numbers(suites)
        for (type, value) in reader.extensions() { readClientExtension(type, value) }
    }

    private mutating func readClientExtension(_ type: UInt16, _ value: ArraySlice<UInt8>) {
        var reader = HelloReader(value)
        switch type {
        case Extension.serverName:
            guard var names = reader.vector16().map(HelloReader.init), names.skip(1), let name = names.vector16() else {
                return
            }
            serverName = RedactedText(line: name)
        case Extension.applicationProtocols:
            guard var list = reader.vector16().map(HelloReader.init) else { return }
            while let name = list.vector8(), offeredProtocols.count < 16 {
                offeredProtocols.append(RedactedText(line: name))
            }
        case Extension.supportedVersions:
            if let versions = reader.vector8() { offeredVersions = HelloReader.numbers(versions) }
        case Extension.preSharedKey: offersResumption = true
        case Extension.sessionTicket: offersResumption = offersResumption || !value.isEmpty
        default: break
        }
    }

    /// Reads a ServerHello's body.
    package mutating func readServerHello(_ body: ArraySlice<UInt8>) {
        var reader = HelloReader(body)
        guard let legacy = reader.number16(), reader.skip(32), let session = reader.vector8(),
            let chosen = reader.number16(), reader.skip(1)
        else { return }
        version = legacy
        suite = chosen
        for (type, value) in reader.extensions() {
            var reader = HelloReader(value)
            if type == Extension.supportedVersions, let chosen = reader.number16() { version = chosen }
            if type == Extension.preSharedKey { isResumed = true }
        }
        // Before TLS 1.3 the server repeats the session's id when it resumes it (RFC 5246 7.4.1.3).
        if version < 0x0304, !session.isEmpty, session == clientSessionID { isResumed = true }
    }

    private enum Extension {
        static let serverName: UInt16 = 0
        static let applicationProtocols: UInt16 = 16
        static let sessionTicket: UInt16 = 35
        static let preSharedKey: UInt16 = 41
        static let supportedVersions: UInt16 = 43
    }
}

/// Numbers and vectors of the TLS presentation language (RFC 8446 3); every length is checked.
private struct HelloReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    mutating func number8() -> UInt8? { rest.popFirst() }

    mutating func number16() -> UInt16? {
        guard let high = rest.popFirst(), let low = rest.popFirst() else { return nil }
        return UInt16(high) << 8 | UInt16(low)
    }

    mutating func skip(_ count: Int) -> Bool { take(count) != nil }

    mutating func vector8() -> ArraySlice<UInt8>? { number8().flatMap { take(Int($0)) } }

    mutating func vector16() -> ArraySlice<UInt8>? { number16().flatMap { take(Int($0)) } }

    private mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
        guard rest.count >= count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func extensions() -> [(UInt16, ArraySlice<UInt8>)] {
        guard var list = vector16().map(HelloReader.init) else { return [] }
        var found: [(UInt16, ArraySlice<UInt8>)] = []
        while let type = list.number16(), let value = list.vector16(), found.count < 64 { found.append((type, value)) }
        return found
    }

    static func numbers(_ bytes: ArraySlice<UInt8>) -> [UInt16] {
        var reader = HelloReader(bytes)
        var numbers: [UInt16] = []
        while let number = reader.number16(), numbers.count < 256 { numbers.append(number) }
        return numbers
    }
}
