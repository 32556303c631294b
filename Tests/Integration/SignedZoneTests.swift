import DNSResolver
import Glibc
import Testing

/// libunbound against a real name server with zones that were signed on this machine: what is validated, and what a
/// wrong signature leads to.
@Suite(.enabled(if: SignedZones.hasTools, "nsd and ldnsutils are not installed (deploy/local/setup --test)"))
struct SignedZoneTests {
    private func withResolver(_ body: @Sendable (DNSResolver) async throws -> Void) async throws {
        let zones = try SignedZones()
        defer { zones.stop() }
        var configuration = DNSConfiguration()
        configuration.validates = false
        configuration.trustAnchors = zones.anchors
        configuration.stubs = ["good", "expired", "forged", "plain"].map {
            DNSConfiguration.Stub(zone: "\($0).example.", server: "127.0.0.1@\(zones.port)")
        }
        let resolver = try DNSResolver(configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await resolver.run() }
            try await body(resolver)
            group.cancelAll()
        }
    }

    @Test func tellsSecureFromInsecureFromBogus() async throws {
        try await withResolver { resolver in
            let mx = try await resolver.mailExchanges("good.example")
            #expect(mx.isSecure && mx.values.map(\.exchange) == ["mx.good.example"])
            let addresses = try await resolver.addresses("mx.good.example")
            #expect(addresses.isSecure && addresses.values.map(\.description) == ["2a00::8", "8.8.8.8"])
            let alias = try await resolver.addresses("alias.good.example")
            #expect(alias.isSecure && alias.values == addresses.values)
            let texts = try await resolver.texts("good.example")
            #expect(texts.isSecure && texts.values == [Array("v=spf1 -all".utf8)])

            // No anchor: usable, but nobody vouches for it.
            let plain = try await resolver.mailExchanges("plain.example")
            #expect(!plain.isSecure && plain.values.map(\.exchange) == ["mx.plain.example"])

            // A wrong signature is a failure for now, never an absence and never an answer (RFC 4035 5.5).
            for name in ["tampered.good.example", "expired.example", "forged.example"] {
                let error = await #expect(throws: DNSError.self, "\(name)") {
                    if name.hasPrefix("tampered") {
                        _ = try await resolver.texts(name)
                    } else {
                        _ = try await resolver.mailExchanges(name)
                    }
                }
                guard case .bogus = error else {
                    Issue.record("\(name): \(String(describing: error))")
                    continue
                }
                #expect(error?.isTemporary == true)
            }
        }
    }

    @Test func believesAProvenAbsence() async throws {
        try await withResolver { resolver in
            await #expect(throws: DNSError.noSuchName) { try await resolver.mailExchanges("absent.good.example") }
            await #expect(throws: DNSError.noSuchRecord) { try await resolver.mailExchanges("mx.good.example") }
            // An absence that the wrong key vouches for is none.
            let error = await #expect(throws: DNSError.self) { try await resolver.texts("absent.forged.example") }
            #expect(error?.isTemporary == true)
        }
    }

    @Test func routesMailByValidatedAnswers() async throws {
        try await withResolver { resolver in
            let answers = await withTaskGroup(of: Bool.self) { group in
                for index in 0..<200 {
                    let name = ["good.example", "plain.example"][index % 2]
                    group.addTask { (try? await resolver.mailExchanges(name).values.count) == 1 }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(answers == 200)
        }
    }
}

/// A folder of zones and the server in front of them (`Tests/Support/signed-zones`).
private final class SignedZones {
    let port: Int
    private(set) var anchors: [String] = []
    private let folder: String
    private var process: pid_t = 0
    private let stopEnd: Int32

    static var hasTools: Bool {
        let folders = ["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"]
        return ["nsd", "ldns-keygen", "ldns-signzone", "drill"].allSatisfy { tool in
            folders.contains { access($0 + tool, X_OK) == 0 }
        }
    }

    init() throws {
        folder = "/tmp/martlet-zones-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
        guard mkdir(folder, 0o755) == 0 else { throw DNSError.temporary("no folder") }
        port = try Self.freePort()
        var input: [Int32] = [0, 0]
        var output: [Int32] = [0, 0]
        guard pipe(&input) == 0, pipe(&output) == 0 else { throw DNSError.temporary("no pipe") }
        for end in input + output { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        stopEnd = input[1]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, input[0], 0)
        posix_spawn_file_actions_adddup2(&actions, output[1], 1)
        let tests = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
        let words = ["/bin/bash", "/\(tests)/Support/signed-zones", folder, String(port)]
        var arguments = words.map { strdup($0) } + [nil]
        // The test process may block or ignore signals that the server shall end by.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigaddset(&signals, SIGTERM)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        defer { posix_spawnattr_destroy(&attributes) }
        let status = posix_spawn(&process, "/bin/bash", &actions, &attributes, &arguments, environ)
        for argument in arguments { free(argument) }
        posix_spawn_file_actions_destroy(&actions)
        close(input[0])
        close(output[1])
        guard status == 0, let file = fdopen(output[0], "r") else { throw DNSError.temporary("not started") }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 1024)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(
                decoding: line.prefix { $0 != 0 && $0 != 10 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if text == "ready" { return }
            anchors.append(text)
        }
        stop()
        throw DNSError.temporary("signed-zones ended")
    }

    func stop() {
        close(stopEnd)
        var status: Int32 = 0
        waitpid(process, &status, 0)
        for path in (try? Self.files(folder)) ?? [] { unlink(path) }
        rmdir(folder)
    }

    private static func files(_ folder: String) throws -> [String] {
        guard let directory = opendir(folder) else { throw DNSError.temporary("no folder") }
        defer { closedir(directory) }
        var paths: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { paths.append("\(folder)/\(name)") }
        }
        return paths
    }

    /// A port that nobody uses at the moment, for UDP and TCP.
    private static func freePort() throws -> Int {
        for _ in 0..<50 {
            let candidate = UInt16.random(in: 20_000..<30_000)
            let isFree = [Int32(SOCK_DGRAM.rawValue), Int32(SOCK_STREAM.rawValue)].allSatisfy { type in
                let descriptor = socket(AF_INET, type, 0)
                defer { close(descriptor) }
                var address = sockaddr_in()
                address.sin_family = sa_family_t(AF_INET)
                address.sin_port = candidate.bigEndian
                address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
                return withUnsafePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                    }
                } == 0
            }
            if isFree { return Int(candidate) }
        }
        throw DNSError.temporary("no free port")
    }
}
