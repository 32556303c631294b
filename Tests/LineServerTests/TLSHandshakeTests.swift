import Glibc
import LineServer
import Logging
import MailCore
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing

@Suite struct TLSHandshakeTests {
    /// A key made for this test; it protects nothing.
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

    /// TLS 1.3, two suites (one GREASE), SNI "a.test", ALPN "imap" and "pop3", a ticket.
    private static let clientHello: [UInt8] =
        [0x03, 0x03] + [UInt8](repeating: 7, count: 32) + [0] + [0, 4, 0x0A, 0x0A, 0x13, 0x01] + [1, 0]
        + vector16(
            [0, 0] + vector16(vector16([0] + vector16(Array("a.test".utf8))))
                + [0, 16] + vector16(vector16([4] + Array("imap".utf8) + [4] + Array("pop3".utf8)))
                + [0, 43] + vector16([2, 0x03, 0x04]) + [0, 35] + vector16([1, 2, 3]))

    private static func vector16(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xFF)] + bytes
    }

    @Test func readsWhatTheClientOffers() {
        var handshake = TLSHandshake()
        handshake.readClientHello(Self.clientHello[...])
        #expect(handshake.offeredVersions == [0x0304])
        #expect(handshake.offeredSuites == [0x0A0A, 0x1301])
        #expect(handshake.serverName?.description == "a.test")
        #expect(handshake.offeredProtocols.map(\.description) == ["imap", "pop3"])
        #expect(handshake.offersResumption)
    }

    @Test func seesATLS12SessionResumedByItsID() {
        let session = [UInt8](repeating: 9, count: 32)
        var handshake = TLSHandshake()
        handshake.readClientHello(
            ([0x03, 0x03] + [UInt8](repeating: 7, count: 32) + [32] + session + [0, 2, 0xC0, 0x2F] + [1, 0])[...])
        handshake.readServerHello(
            ([0x03, 0x03] + [UInt8](repeating: 8, count: 32) + [32] + session + [0xC0, 0x2F, 0])[...])
        #expect(handshake.version == 0x0303 && handshake.suite == 0xC02F && handshake.isResumed)
    }

    @Test func cutAndGarbledHellosAreSurvived() {
        for end in 0...Self.clientHello.count {
            var handshake = TLSHandshake()
            handshake.readClientHello(Self.clientHello[..<end])
            handshake.readServerHello(Self.clientHello[..<end])
        }
        for index in Self.clientHello.indices {
            var garbled = Self.clientHello
            garbled[index] = 0xFF
            var handshake = TLSHandshake()
            handshake.readClientHello(garbled[...])
            #expect(handshake.offeredSuites.count <= 256)
        }
    }

    @Test func aLineIsMadeOnlyWhenTheGateLetsItThrough() {
        let seen = Mutex<[String]>([])
        SessionTap.setSink({ session, _, _ in seen.withLock { $0.append(session) } }, gate: { $0 == "open" })
        defer { SessionTap.setSink(nil) }
        var made = 0
        func line() -> SessionEvent {
            made += 1
            return .state("ready")
        }
        let facts = {
            SessionSummary(
                id: "", role: "mx", peer: "", localPort: 25, openedAt: .now(), closedAt: .now(), secure: false,
                bytesIn: 0, bytesOut: 0, roundTrips: 0, reason: "")
        }
        SessionTap.emit(passing: line, in: "full", facts)
        #expect(made == 0)
        SessionTap.emit(passing: line, in: "open", facts)
        #expect(made == 1)
        SessionTap.emit("full", .opened(role: "mx", peer: "", localPort: 25), facts)
        #expect(seen.withLock { $0 } == ["open", "full"])
    }

    @Test func aWatchedSessionTellsItsHandshake() async throws {
        let certificates = try Self.certificates()
        let seen = Mutex<[TLSHandshake]>([])
        SessionTap.setSink { _, event, _ in
            if case .tls(let handshake) = event { seen.withLock { $0.append(handshake) } }
        }
        defer { SessionTap.setSink(nil) }
        let (ports, announce) = AsyncStream.makeStream(of: Int.self)
        let server = LineServer(
            listeners: [LineListener(role: "tls", host: "127.0.0.1", port: 0, tls: .implicit)], limits: LineLimits(),
            certificates: certificates, daemon: "test", greetingWhenFull: { _ in [] },
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            onListening: { announce.yield($0[0]) },
            session: { connection in connection.write("hello\r\n") })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            var iterator = ports.makeAsyncIterator()
            let port = try #require(await iterator.next())
            try await Self.connect(port)
            group.cancelAll()
            try await group.waitForAll()
        }
        let handshake = try #require(seen.withLock { $0.first })
        #expect(handshake.offeredVersions.contains(0x0304) && handshake.offeredSuites.contains(handshake.suite))
        #expect(handshake.version == 0x0304 && !handshake.isResumed)
        #expect(handshake.serverName?.description == "mail.example.test")
        #expect(handshake.offeredProtocols.map(\.description) == ["imap"])
        #expect(handshake.certificateChain.count == 1 && handshake.duration > .zero)
    }

    private static func certificates() throws -> TLSCertificates {
        let base = "/tmp/martlet-tls-test-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        for (suffix, text) in [(".key", key), (".pem", certificate)] {
            let file = try #require(fopen(base + suffix, "w"))
            fputs(text + "\n", file)
            fclose(file)
        }
        defer {
            unlink(base + ".key")
            unlink(base + ".pem")
        }
        return try TLSCertificates(certificateFile: base + ".pem", keyFile: base + ".key")
    }

    /// Waits until the server has ended the session.
    private static func connect(_ port: Int) async throws {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        configuration.applicationProtocols = ["imap"]
        let context = try NIOSSLContext(configuration: configuration)
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = try NIOSSLClientHandler(context: context, serverHostname: "mail.example.test")
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        try await channel.closeFuture.get()
    }
}
