import CUnbound
import ServiceLifecycle

/// Asks the domain name system through libunbound: cached, validated with DNSSEC, many questions at once.
///
/// libunbound resolves on a thread of its own and reports on a descriptor; `run()` hands the answers out.
package final class DNSResolver: Service, Sendable {
    private let context: UnboundContext
    private let timeout: Duration

    package init(configuration: DNSConfiguration) throws {
        self.context = try UnboundContext(configuration)
        self.timeout = configuration.timeout
    }

    /// Answers come only while this runs.
    package func run() async throws {
        context.start()
        // Throws when cancelled, which ends the listening all the same.
        try? await gracefulShutdown()
        context.stop()
    }

    /// A and AAAA (RFC 1035 3.4.1, RFC 3596 2.2), IPv6 first. One that is missing or fails does not hide the other.
    package func addresses(_ host: String) async throws(DNSError) -> DNSAnswer<IPAddress> {
        async let six = outcome(host, .aaaa)
        async let four = outcome(host, .a)
        let outcomes = [await six, await four]
        var found: [IPAddress] = []
        var secure = true
        var timeToLive = Int.max
        var failure = DNSError.noSuchRecord
        for outcome in outcomes {
            switch outcome {
            case .success(let raw):
                found += raw.data.compactMap { IPAddress(bytes: $0) }
                secure = secure && raw.isSecure
                timeToLive = min(timeToLive, raw.timeToLive)
            case .failure(let error):
                if error.isTemporary || failure == .noSuchRecord { failure = error }
            }
        }
        guard !found.isEmpty else { throw failure }
        return DNSAnswer(values: found, isSecure: secure, timeToLive: timeToLive)
    }

    /// MX records in order of preference.
    package func mailExchanges(_ domain: String) async throws(DNSError) -> DNSAnswer<MailExchange> {
        let answer = try await records(domain, .mailExchange) { RecordData.mailExchange($0) }
        return DNSAnswer(
            values: answer.values.sorted { $0.preference < $1.preference }, isSecure: answer.isSecure,
            timeToLive: answer.timeToLive)
    }

    /// TXT records, each as its joined bytes.
    package func texts(_ name: String) async throws(DNSError) -> DNSAnswer<[UInt8]> {
        try await records(name, .text) { RecordData.text($0) }
    }

    /// The names of an address (RFC 1035 3.5, RFC 3596 2.5).
    package func names(of address: IPAddress) async throws(DNSError) -> DNSAnswer<String> {
        try await records(Self.reverseName(address), .pointer) { RecordData.name($0[...]) }
    }

    package static func reverseName(_ address: IPAddress) -> String {
        if address.isIPv4 { return address.bytes.reversed().map(String.init).joined(separator: ".") + ".in-addr.arpa" }
        let nibbles = address.bytes.reversed().flatMap { [$0 & 0x0F, $0 >> 4] }
        return nibbles.map { String($0, radix: 16) }.joined(separator: ".") + ".ip6.arpa"
    }

    private func records<Value: Sendable>(
        _ name: String, _ type: DNSRecordType, _ read: ([UInt8]) -> Value?
    ) async throws(DNSError) -> DNSAnswer<Value> {
        let raw = try await outcome(name, type).get()
        let values = raw.data.compactMap(read)
        guard !values.isEmpty else { throw .temporary("unreadable records") }
        return DNSAnswer(values: values, isSecure: raw.isSecure, timeToLive: raw.timeToLive)
    }

    private func outcome(_ name: String, _ type: DNSRecordType) async -> Result<RawAnswer, DNSError> {
        guard Self.isName(name) else { return .failure(.malformedName) }
        return await context.ask(name, type, within: timeout)
    }

    /// RFC 1035 2.3.4: labels of 1 to 63 octets, 253 in all.
    private static func isName(_ name: String) -> Bool {
        let labels = (name.hasSuffix(".") ? name.dropLast() : name[...]).utf8.split(
            separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return name.utf8.count <= 254 && labels.allSatisfy { (1...63).contains($0.count) && !$0.contains(0) }
    }
}

/// Records of an answer as they are on the wire.
struct RawAnswer: Sendable {
    let data: [[UInt8]]
    let isSecure: Bool
    let timeToLive: Int
}
