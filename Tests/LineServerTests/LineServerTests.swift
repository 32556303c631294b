import Glibc
import LineServer
import Logging
import NIOCore
import Synchronization
import Testing

private let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// Starts a server on a free port, runs the client on a thread of its own, stops the server.
private func withServer(
    limits: LineLimits = LineLimits(), session: @escaping LineServer.Session,
    client: @escaping @Sendable (Int) throws -> Void
) async throws {
    let (ports, announce) = AsyncStream.makeStream(of: Int.self)
    let server = LineServer(
        listeners: [LineListener(role: "test", host: "127.0.0.1", port: 0, tls: .none)], limits: limits,
        certificates: nil, daemon: "test", greetingWhenFull: { _ in Array("421 full\r\n".utf8) }, logger: quiet,
        onListening: { announce.yield($0[0]) }, session: session)
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await server.run() }
        var iterator = ports.makeAsyncIterator()
        let port = try #require(await iterator.next())
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            ClientThread.run { done.resume(with: Result { try client(port) }) }
        }
        group.cancelAll()
        try await group.waitForAll()
    }
}

/// Echoes lines; tells what ended the session.
private func echo(_ connection: isolated LineConnection) async {
    connection.write("ready\r\n")
    do {
        while true {
            switch try await connection.readLine(maximum: 64, timeout: .seconds(5)) {
            case .line(let bytes) where bytes == Array("quit".utf8):
                connection.write("bye\r\n")
                return
            case .line(let bytes): connection.write("<\(String(decoding: bytes, as: UTF8.self).debugDescription)>\r\n")
            case .tooLong: connection.write("long\r\n")
            }
        }
    } catch {
        connection.write("end \(error)\r\n")
    }
}

@Suite struct LineServerTests {
    @Test func answersPipelinedLinesInOrder() async throws {
        try await withServer(session: echo) { port in
            let client = try TestClient(port: port)
            #expect(client.line() == "ready\r\n")
            client.send("a\r\nb\r\nquit\r\n")
            #expect(client.rest() == "<\"a\">\r\n<\"b\">\r\nbye\r\n")
        }
    }

    @Test func onlyCRLFEndsALine() async throws {
        try await withServer(session: echo) { port in
            let client = try TestClient(port: port)
            client.send("a\nb\rc\r\r\n")
            _ = client.line()
            #expect(client.line() == "<\"a\\nb\\rc\\r\">\r\n")
        }
    }

    @Test func linesSplitAnywhereAreTheSame() async throws {
        try await withServer(session: echo) { port in
            let client = try TestClient(port: port)
            _ = client.line()
            for byte in "one\r\ntwo\r\n" {
                client.send(String(byte))
                usleep(2000)
            }
            #expect(client.line() == "<\"one\">\r\n")
            #expect(client.line() == "<\"two\">\r\n")
        }
    }

    @Test func overlongLineIsReportedOnceAndSkipped() async throws {
        try await withServer(session: echo) { port in
            let client = try TestClient(port: port)
            _ = client.line()
            client.send(String(repeating: "A", count: 3_000_000) + "\r\nnext\r\nquit\r\n")
            #expect(client.rest() == "long\r\n<\"next\">\r\nbye\r\n")
        }
    }

    @Test func aLineOfExactlyTheLimitPasses() async throws {
        try await withServer(session: echo) { port in
            let client = try TestClient(port: port)
            _ = client.line()
            let line = String(repeating: "A", count: 62)
            client.send("\(line)\r\nB\(line)\r\nquit\r\n")
            #expect(client.rest() == "<\"\(line)\">\r\nlong\r\nbye\r\n")
        }
    }

    @Test func aClientThatClosesItsSideStillGetsItsAnswers() async throws {
        try await withServer(session: echo) { port in
            let client = try TestClient(port: port)
            client.send("a\r\nb")
            client.endOutput()
            #expect(client.rest() == "ready\r\n<\"a\">\r\nend closed\r\n")
        }
    }

    @Test func silenceAndSlowCommandsTimeOut() async throws {
        var limits = LineLimits()
        limits.commandDeadline = .milliseconds(100)
        try await withServer(limits: limits) { connection in
            do {
                _ = try await connection.readLine(maximum: 64, timeout: .milliseconds(50))
            } catch {
                connection.write("\(error)\r\n")
            }
            do {
                _ = try await connection.readLine(maximum: 64, timeout: .seconds(5))
            } catch {
                connection.write("slow \(error)\r\n")
            }
        } client: { port in
            let client = try TestClient(port: port)
            #expect(client.line() == "timeout\r\n")
            client.send("never ends")
            #expect(client.rest() == "slow timeout\r\n")
        }
    }

    @Test func moreConnectionsThanAllowedAreTurnedAway() async throws {
        var limits = LineLimits()
        limits.perAddress = 2
        try await withServer(limits: limits, session: echo) { port in
            let first = try TestClient(port: port)
            let second = try TestClient(port: port)
            _ = (first.line(), second.line())
            #expect(try TestClient(port: port).rest() == "421 full\r\n")
            first.send("quit\r\n")
            #expect(first.rest() == "bye\r\n")
            usleep(100_000)
            #expect(try TestClient(port: port).line() == "ready\r\n")
        }
    }

    @Test func aClientThatDoesNotReadIsGivenUpInBoundedMemory() async throws {
        var limits = LineLimits()
        limits.writeStall = .milliseconds(200)
        let written = Atomic<Int>(0)
        let ended = Atomic<Bool>(false)
        try await withServer(limits: limits) { connection in
            do {
                while true {
                    connection.write([UInt8](repeating: 0x41, count: 65536))
                    written.add(65536, ordering: .relaxed)
                    try await connection.flush()
                }
            } catch {
                ended.store(true, ordering: .relaxed)
            }
        } client: { port in
            let client = try TestClient(port: port, receiveBuffer: 4096)
            for _ in 0..<100 where !ended.load(ordering: .relaxed) { usleep(50_000) }
            #expect(ended.load(ordering: .relaxed) == true)
            #expect(written.load(ordering: .relaxed) < 8 * 1024 * 1024)
            _ = client
        }
    }

    @Test func largeDataIsReadAsItComes() async throws {
        let total = Atomic<Int>(0)
        try await withServer { connection in
            connection.write("go\r\n")
            do {
                while total.load(ordering: .relaxed) < 20_000_000 {
                    let piece = try await connection.readSome(timeout: .seconds(60))
                    total.add(piece.readableBytes, ordering: .relaxed)
                }
                connection.write("done\r\n")
            } catch {
                connection.write("\(error)\r\n")
            }
        } client: { port in
            let client = try TestClient(port: port)
            _ = client.line()
            client.send(String(repeating: "x", count: 20_000_000))
            #expect(client.line() == "done\r\n")
        }
    }

    @Test func wakeEndsAWaitForInput() async throws {
        try await withServer { connection in
            let waker = connection
            do {
                waker.wake()
                connection.write("\(try await connection.waitForInput(timeout: .seconds(5)))\r\n")
                ClientThread.run {
                    usleep(20_000)
                    waker.wake()
                }
                connection.write("\(try await connection.waitForInput(timeout: .seconds(5)))\r\n")
                connection.write("\(try await connection.waitForInput(timeout: .milliseconds(20)))\r\n")
                connection.write("\(try await connection.waitForInput(timeout: .seconds(5)))\r\n")
            } catch {
                connection.write("\(error)\r\n")
            }
        } client: { port in
            let client = try TestClient(port: port)
            #expect(client.line() == "woken\r\n")
            #expect(client.line() == "woken\r\n")
            #expect(client.line() == "timedOut\r\n")
            client.send("x")
            #expect(client.line() == "input\r\n")
        }
    }

    @Test func summariesRemember() async throws {
        try await withServer { connection in
            connection.closeReason = "test_reason"
            connection.write("hello\r\n")
        } client: { port in
            let client = try TestClient(port: port)
            #expect(client.rest() == "hello\r\n")
        }
        let summary = try #require(SessionTap.lastSessions().last { $0.reason == "test_reason" })
        #expect(summary.bytesOut == 7)
        #expect(summary.peer == "127.0.0.1")
    }
}
