import Glibc
import Synchronization

/// A name server of a test on 127.0.0.1: gets a question's bytes, sends whatever datagrams it is told to.
final class DNSResponder: Sendable {
    let port: UInt16
    private let descriptor: Int32

    init?(_ respond: @escaping @Sendable (_ query: [UInt8]) -> [[UInt8]]) {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard descriptor >= 0, isBound else { return nil }
        self.descriptor = descriptor
        self.port = UInt16(bigEndian: address.sin_port)
        let work = Unmanaged.passRetained(Work { Self.serve(descriptor, respond) })
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { box in
                if let box { Unmanaged<Work>.fromOpaque(box).takeRetainedValue().run() }
                return nil
            }, work.toOpaque())
        pthread_detach(thread)
    }

    /// Wakes the thread, which closes the socket.
    func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    private static func serve(_ descriptor: Int32, _ respond: ([UInt8]) -> [[UInt8]]) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            var peer = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let count = withUnsafeMutablePointer(to: &peer) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    recvfrom(descriptor, &buffer, buffer.count, 0, $0, &length)
                }
            }
            guard count > 0 else { break }
            for answer in respond(Array(buffer.prefix(count))) {
                _ = withUnsafePointer(to: &peer) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        sendto(descriptor, answer, answer.count, 0, $0, length)
                    }
                }
            }
        }
        close(descriptor)
    }
}

private final class Work: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

/// Messages of the domain name system (RFC 1035 4.1), also wrong ones.
struct DNSMessage {
    var id: [UInt8]
    /// Response, authoritative, no error.
    var flags: [UInt8] = [0x84, 0x00]
    var question: [UInt8]
    var answers: [[UInt8]] = []
    var additional: [[UInt8]] = []

    /// An empty answer to the query.
    init(to query: [UInt8]) {
        id = Array(query.prefix(2))
        var end = 12
        while end < query.count, query[end] != 0 { end += Int(query[end]) + 1 }
        question = Array(query[12..<min(end + 5, query.count)])
    }

    /// The name that is asked for, as text.
    var name: String {
        var labels: [String] = []
        var rest = question[...]
        while let length = rest.popFirst(), length > 0 {
            labels.append(String(decoding: rest.prefix(Int(length)), as: UTF8.self).lowercased())
            rest = rest.dropFirst(Int(length))
        }
        return labels.joined(separator: ".")
    }

    var type: UInt8 { question.dropLast(2).last ?? 0 }

    var bytes: [UInt8] {
        id + flags + Self.number(1) + Self.number(answers.count) + Self.number(0) + Self.number(additional.count)
            + question + answers.joined() + additional.joined()
    }

    static func number(_ value: Int) -> [UInt8] { [UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)] }

    static func name(_ text: String) -> [UInt8] {
        text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    /// A record; the owner is the question's name unless given.
    static func record(
        _ owner: [UInt8] = [0xC0, 0x0C], type: UInt8, timeToLive: UInt32 = 60, length: Int? = nil, _ data: [UInt8]
    ) -> [UInt8] {
        owner + [0, type, 0, 1]
            + [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: timeToLive >> UInt32($0)) }
            + number(length ?? data.count) + data
    }
}
