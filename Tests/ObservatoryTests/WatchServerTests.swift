import NIOCore
import Observatory
import Storage
import Testing

@Suite("HTTP")
struct WatchServerTests {
    private func serving(
        _ board: ReportBoard, _ sources: Sources, _ body: @escaping @Sendable (Int) throws -> Void
    ) async throws {
        try await TestServer(board: board, sources: sources).serving(body)
    }

    private func get(_ path: String, _ port: Int) throws -> String {
        try TestServer.exchange("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", port)
    }

    @Test("ready answers 200 with JSON; unready 503 with reasons")
    func ready() async throws {
        try await serving(Sample.board("smtpd", "filerd", "relayd", "accessd"), Sample.sources()) { port in
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
            let answer = try get("/status", port)
            #expect(answer.contains("&lt;script&gt;"))
            #expect(!answer.contains("<script") && !answer.contains("<img"))
            #expect(answer.contains("Martlet is not ready"))
        }
    }

    @Test("every answer, refusals too, carries the headers that bind a browser")
    func headers() async throws {
        try await serving(Sample.board(), Sample.sources()) { port in
            for path in ["/", "/page/app.js", "/status", "/metrics", "/nowhere", "/../etc/passwd", "/api/v1/mails"] {
                let answer = try get(path, port).lowercased()
                #expect(answer.contains("content-security-policy: default-src 'none'"))
                #expect(answer.contains("x-content-type-options: nosniff"))
                #expect(answer.contains("frame-ancestors 'none'"))
                #expect(!answer.contains("unsafe-inline"))
            }
            let nowhere = try get("/nowhere", port)
            #expect(nowhere.hasPrefix("HTTP/1.1 404 "))
        }
    }

    @Test("a client that does not take its answers gets the door")
    func stalledReader() async throws {
        let count = 3000
        var server = TestServer()
        server.stall = .milliseconds(300)
        try await server.serving { (port: Int) throws in
            let one = try get("/page/page.css", port).utf8.count
            let request = "GET /page/page.css HTTP/1.1\r\nHost: x\r\n\r\n"
            let taken = try TestServer.exchange(
                String(repeating: request, count: count), port, pausing: .seconds(2)
            ).utf8.count
            #expect(taken < count * one / 2)
            let after = try get("/health/live", port)
            #expect(after.hasPrefix("HTTP/1.1 200 "))
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
                let answer = try TestServer.exchange(request, port)
                #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(request)")
            }
            for nonsense in [
                "GET / HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "a", count: 40_000))\r\n\r\n", "EHLO x\r\n\r\n",
            ] {
                let answer = try TestServer.exchange(nonsense, port)
                #expect(!answer.contains(" 200 "))
            }
            let after = try get("/health/live", port)
            #expect(after.hasPrefix("HTTP/1.1 200 "))
        }
    }
}
