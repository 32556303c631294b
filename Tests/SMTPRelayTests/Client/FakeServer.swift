import DNSResolver
import Glibc
import LineServer
import Logging
import MailCore
import NIOCore
import SMTPRelay
import Synchronization
import Testing

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// What a server of a test has heard, line by line; content stands between `<` and `>`.
final class Heard: Sendable {
    private let state = Mutex<(lines: [String], connections: Int)>(([], 0))

    func note(_ line: String) { state.withLock { $0.lines.append(line) } }
    func noteConnection() { state.withLock { $0.connections += 1 } }

    var lines: [String] { state.withLock { $0.lines } }
    var connections: Int { state.withLock { $0.connections } }
}

/// A server on a free port of 127.0.0.1 that answers as its script says.
struct FakeServer: Sendable {
    let port: Int
    let heard: Heard

    typealias Script = @Sendable (isolated LineConnection, Heard) async throws -> Void

    static func with<Result: Sendable>(
        _ script: @escaping Script, body: @Sendable (FakeServer) async throws -> Result
    ) async throws -> Result {
        let (ports, announce) = AsyncStream.makeStream(of: Int.self)
        let heard = Heard()
        var limits = LineLimits()
        limits.drain = .milliseconds(100)
        let server = LineServer(
            listeners: [LineListener(role: "test", host: "127.0.0.1", port: 0, tls: .startTLS)], limits: limits,
            certificates: try TestCertificate.load(), daemon: "test", greetingWhenFull: { _ in [] }, logger: quiet,
            onListening: { announce.yield($0[0]) },
            session: { connection in
                heard.noteConnection()
                // The client may go away at any point; that is part of the test.
                try? await script(connection, heard)
            })
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            var iterator = ports.makeAsyncIterator()
            let port = try #require(await iterator.next())
            let result = try await body(FakeServer(port: port, heard: heard))
            group.cancelAll()
            return result
        }
    }

    func connect(
        helo: String = "client.example.test", timeouts: ClientTimeouts = ClientTimeouts(),
        allowed: String = "127.0.0.0/8"
    ) async throws(RelayFailure) -> SMTPClientConnection {
        let addresses = [IPAddress("127.0.0.1")].compactMap { $0 }
        return try await SMTPClientConnection.open(
            host: MXHost(name: "mx.remote.test", addresses: addresses), address: addresses[0], port: port, helo: helo,
            policy: AddressPolicy(
                allowed: [IPNetwork(allowed)].compactMap { $0 }, ownAddresses: OwnAddresses.now(), ownNames: []),
            timeouts: timeouts)
    }
}

extension LineConnection {
    func say(_ text: String) {
        write(text)
        push()
    }

    /// The next line, noted.
    func hear(_ heard: Heard) async throws -> String {
        guard case .line(let bytes) = try await readLine(maximum: 4096, timeout: .seconds(30)) else { return "" }
        let line = String(decoding: bytes, as: UTF8.self)
        heard.note(line)
        return line
    }

    /// Content up to the dot, noted in one.
    func hearContent(_ heard: Heard) async throws {
        var content: [String] = []
        while case .line(let bytes) = try await readLine(maximum: 1_000_000, timeout: .seconds(30)), bytes != [0x2E] {
            content.append(String(decoding: bytes, as: UTF8.self))
        }
        heard.note("<\(content.joined(separator: "|"))>")
    }

    /// Greets and answers EHLO with the given offers.
    func greet(_ heard: Heard, offers: [String] = ["PIPELINING", "8BITMIME", "SIZE 1000000"]) async throws {
        say("220 mx.remote.test ESMTP\r\n")
        _ = try await hear(heard)
        let lines = ["mx.remote.test"] + offers
        for (index, line) in lines.enumerated() { write("250\(index == lines.count - 1 ? " " : "-")\(line)\r\n") }
        push()
    }

    /// Takes commands until QUIT, or until the client leaves. `answers` replaces the usual reply of a line.
    func serve(_ heard: Heard, answers: [String: String] = [:], content: String = "250 2.0.0 taken\r\n") async throws {
        while true {
            let line = try await hear(heard)
            if let answer = answers[line] {
                say(answer)
                if answer.hasPrefix("354") { try await takeContent(heard, content) }
            } else if line == "DATA" {
                say("354 go on\r\n")
                try await takeContent(heard, content)
            } else if line == "QUIT" {
                return say("221 2.0.0 bye\r\n")
            } else {
                say("250 2.1.0 ok\r\n")
            }
        }
    }

    private func takeContent(_ heard: Heard, _ answer: String) async throws {
        try await hearContent(heard)
        say(answer)
    }
}

/// A mail whose body comes in the given chunks.
func mail(
    to recipients: [String] = ["bob@remote.test"], from sender: String = "alice@example.test",
    prefix: String = "X: 1\r\n",
    size: Int? = nil, isEightBit: Bool = false, _ chunks: String...
) -> OutboundMail {
    OutboundMail(
        id: .next(), sender: sender, recipients: recipients, prefix: Array(prefix.utf8),
        size: size ?? chunks.reduce(prefix.utf8.count) { $0 + $1.utf8.count }, isEightBit: isEightBit
    ) { write in
        for chunk in chunks { try await write(Array(chunk.utf8)) }
    }
}

/// A result in few words: `delivered 250 2.0.0 end`.
func words(_ result: RecipientResult) -> String {
    let name =
        switch result {
        case .delivered: "delivered"
        case .deferred: "deferred"
        case .failed: "failed"
        }
    let reply = result.reply
    return "\(name) \(reply.code) \(reply.status) \(reply.step.rawValue)"
        + (reply.isHostFault ? " host" : "") + (reply.isHostLimit ? " limit" : "")
        + (reply.isOutcomeUnknown ? " unknown" : "")
}

enum TestCertificate {
    /// A key made for tests; it protects nothing.
    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQghGtBNCyIpbfi0PDx
        l9jwnpu/A6ziKTcTzaduCH5OZbyhRANCAAQzVnWFHL/RkkImNM8x9b8Dl9HQU3nP
        1J7PqmeSqXDJ49g//+2aJqkjl8Bk8M25Mochw2Q7y0wT7FDsOHBb0CMo
        -----END PRIVATE KEY-----
        """
    private static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBpDCCAUmgAwIBAgIUTVVmsIxDb375Gtzy/EIm86ImR+IwCgYIKoZIzj0EAwIw
        FzEVMBMGA1UEAwwMdGVzdC5pbnZhbGlkMCAXDTI2MTEyMTEwMDM1OVoYDzIxMjYx
        MDI4MTAwMzU5WjAXMRUwEwYDVQQDDAx0ZXN0LmludmFsaWQwWTATBgcqhkjOPQIB
        BggqhkjOPQMBBwNCAAQzVnWFHL/RkkImNM8x9b8Dl9HQU3nP1J7PqmeSqXDJ49g/
        /+2aJqkjl8Bk8M25Mochw2Q7y0wT7FDsOHBb0CMoo3EwbzAdBgNVHQ4EFgQU76DM
        b+xqiJBI36FfuFXa4ojLEA8wHwYDVR0jBBgwFoAU76DMb+xqiJBI36FfuFXa4ojL
        EA8wDwYDVR0TAQH/BAUwAwEB/zAcBgNVHREEFTATghFtYWlsLmV4YW1wbGUudGVz
        dDAKBggqhkjOPQQDAgNJADBGAiEA184iaW9cYARguTbK5JfxnddqY5noDgE3m6GS
        Ntyc4HsCIQDyyI9Im8jk3aDx4EEFFcjn43VHnvZMRcejYBi6MJXieg==
        -----END CERTIFICATE-----
        """

    static func load() throws -> TLSCertificates {
        let name = "/tmp/martlet-relay-test-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
        for (suffix, text) in [(".key", key), (".pem", certificate)] {
            let file = try #require(fopen(name + suffix, "w"))
            fputs(text, file)
            fclose(file)
        }
        defer { for suffix in [".key", ".pem"] { unlink(name + suffix) } }
        return try TLSCertificates(certificateFile: name + ".pem", keyFile: name + ".key", logger: quiet)
    }
}
