import Dispatch
import Logging
import Observatory
import ServiceLifecycle
import Storage
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite("HTTP")
struct WatchServerTests {
    /// Serves on a free port while `body` talks to it.
    private func serving(
        _ board: ReportBoard, _ sources: Sources, _ body: @escaping @Sendable (Int) throws -> Void
    ) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let (ports, bound) = AsyncStream<Int>.makeStream()
        let server = WatchServer(
            host: "127.0.0.1", port: 0, board: board, inspector: HealthInspector(board: board, sources: sources),
            metrics: MetricsPage(board: board, sources: sources, instance: "local"), logger: logger
        ) { bound.yield($0) }
        let group = ServiceGroup(services: [server], logger: logger)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            for await port in ports {
                try await onThread { try body(port) }
                break
            }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    /// Blocking socket calls have no place on the pool that the server runs on.
    private func onThread(_ body: @escaping @Sendable () throws -> Void) async throws {
        try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
            DispatchQueue.global().async { continuation.resume(with: Result { try body() }) }
        }
    }

    private func get(_ path: String, _ port: Int) throws -> String {
        try exchange("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", port)
    }

    @Test("ready answers 200 with JSON; unready 503 with reasons")
    func ready() async throws {
        try await serving(Sample.board("smtpd", "filerd", "accessd"), Sample.sources()) { port in
            let answer = try get("/health/ready", port)
            #expect(answer.hasPrefix("HTTP/1.1 200 "))
            #expect(answer.contains(#"{"degraded":["classify"],"reasons":[],"status":"ready"}"#))
            let live = try get("/health/live", port)
            #expect(live.hasSuffix("alive\n"))
        }
        try await serving(Sample.board("smtpd"), Sample.sources(queues: nil)) { port in
            let answer = try get("/health/ready", port)
            #expect(answer.hasPrefix("HTTP/1.1 503 "))
            #expect(answer.contains("\"RabbitMQ does not answer\""))
            #expect(answer.contains("\"filerd has not reported in the last 12 seconds\""))
        }
    }

    @Test("metrics of all daemons, queues and stages are in one Prometheus document")
    func metrics() async throws {
        let stages = [WorkStore.StageCount(stage: "file", waiting: 3, parked: 1, oldestSeconds: 4.5)]
        try await serving(Sample.board("smtpd", "filerd"), Sample.sources(stages: stages)) { port in
            let answer = try get("/metrics", port)
            #expect(answer.lowercased().contains("content-type: text/plain; version=0.0.4"))
            for line in [
                #"mail_smtpd_things_total{daemon="smtpd",instance="host:1"} 7"#,
                #"mail_daemon_ready{daemon="filerd",instance="host:1"} 1"#,
                #"mail_queue_hints{queue="mail.classify"} 2"#, #"mail_work_rows{stage="file"} 3"#,
                #"mail_work_parked_rows{stage="file"} 1"#, #"mail_work_oldest_seconds{stage="file"} 4.5"#,
                "# TYPE process_resident_memory_bytes gauge",
            ] { #expect(answer.contains(line + "\n") || answer.contains(line + "\r\n"), "\(line)") }
        }
    }

    @Test("the page shows what daemons say as text, never as markup")
    func page() async throws {
        let board = Sample.board("smtpd")
        board.put(Sample.report("<script>alert(1)</script>", reasons: ["\"><img src=x>"]))
        try await serving(board, Sample.sources()) { port in
            let answer = try get("/", port)
            #expect(answer.contains("&lt;script&gt;"))
            #expect(!answer.contains("<script") && !answer.contains("<img"))
            #expect(answer.contains("Martlet is not ready"))
        }
    }

    @Test("every answer, refusals too, carries the headers that bind a browser")
    func headers() async throws {
        try await serving(Sample.board(), Sample.sources()) { port in
            for path in ["/", "/metrics", "/nowhere", "/../etc/passwd"] {
                let answer = try get(path, port).lowercased()
                #expect(answer.contains("content-security-policy: default-src 'none'"))
                #expect(answer.contains("x-content-type-options: nosniff"))
            }
            let nowhere = try get("/nowhere", port)
            #expect(nowhere.hasPrefix("HTTP/1.1 404 "))
        }
    }

    @Test("bodies, huge headers and other methods are refused")
    func refusals() async throws {
        try await serving(Sample.board(), Sample.sources()) { port in
            let requests = [
                ("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", "413"),
                (
                    "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                    "413"
                ),
                ("DELETE /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "404"),
            ]
            for (request, status) in requests {
                let answer = try exchange(request, port)
                #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(request)")
            }
            for nonsense in [
                "GET / HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "a", count: 40_000))\r\n\r\n", "EHLO x\r\n\r\n",
            ] {
                let answer = try exchange(nonsense, port)
                #expect(!answer.contains(" 200 "))
            }
            let after = try get("/health/live", port)
            #expect(after.hasPrefix("HTTP/1.1 200 "))
        }
    }

    private struct Unreachable: Error {}

    /// Sends the bytes and reads until the server closes; at most 5 s.
    private func exchange(_ text: String, _ port: Int) throws -> String {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Unreachable() }
        defer { close(descriptor) }
        var limit = timeval(tv_sec: 5, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw Unreachable() }
        let bytes = Array(text.utf8)
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count <= 0 { return String(decoding: answer, as: UTF8.self) }
            answer += buffer.prefix(count)
        }
    }
}
