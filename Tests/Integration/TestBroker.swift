import AMQP
import Logging
import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The broker that `MARTLET_TEST_AMQP_URL` names. Other systems may use it: tests take names of their own.
enum TestBroker {
    static let url = getenv("MARTLET_TEST_AMQP_URL").map { String(cString: $0) } ?? ""
    static var isAvailable: Bool { !url.isEmpty }
    static let reason = "MARTLET_TEST_AMQP_URL is not set; `make test` starts a broker and sets it"

    /// The same broker with another vhost.
    static func url(vhost: String) -> String {
        let path = url.split(separator: "/", omittingEmptySubsequences: false).prefix(3)
        return path.joined(separator: "/") + "/\(vhost)"
    }

    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static func configuration(_ name: String = "martlet-test") throws -> AMQPConfiguration {
        try AMQPConfiguration(url: url, name: name)
    }

    /// The broker behind a proxy.
    static func configuration(through proxy: SwallowingProxy) throws -> AMQPConfiguration {
        let direct = try configuration()
        var url = Self.url
        if let range = url.range(of: ":\(direct.port)/") { url.replaceSubrange(range, with: ":\(proxy.port)/") }
        return try AMQPConfiguration(url: url, name: "martlet-test-proxied")
    }

    static func proxy() throws -> SwallowingProxy {
        try SwallowingProxy.start(to: UInt16(clamping: try configuration().port))
    }

    static func uniqueName(_ kind: String) -> String {
        "martlet.test.\(kind).\(String(UInt64.random(in: .min ... .max), radix: 36))"
    }

    /// A durable queue of its own, deleted afterwards.
    static func withQueue<T>(
        arguments: [(key: String, value: AMQPArgument)] = [("x-queue-version", .integer(2))],
        _ body: (String, AMQPAdmin) async throws -> T
    ) async throws -> T {
        let admin = AMQPAdmin(configuration: try configuration("martlet-test-admin"))
        let name = uniqueName("queue")
        try await admin.declareQueue(name, arguments: arguments)
        let result: Result<T, any Error>
        do { result = .success(try await body(name, admin)) } catch { result = .failure(error) }
        try await admin.deleteQueue(name)
        await admin.close()
        return try result.get()
    }

    /// Runs services beside `body`, then shuts them down gracefully and waits for their end.
    static func with<T: Sendable>(
        _ services: any Service..., body: @escaping @Sendable () async throws -> T
    ) async throws -> T {
        let group = ServiceGroup(services: services, logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await group.run() }
            let result: Result<T, any Error>
            do { result = .success(try await body()) } catch { result = .failure(error) }
            await group.triggerGracefulShutdown()
            try await tasks.waitForAll()
            return try result.get()
        }
    }

    struct TookTooLong: Error { let what: String }

    /// Waits for something that other processes bring about; looks every 10 ms.
    static func eventually(
        _ what: String, within limit: Duration = .seconds(15), _ condition: () async throws -> Bool
    ) async throws {
        let end = ContinuousClock.now + limit
        while try await !condition() {
            guard ContinuousClock.now < end else { throw TookTooLong(what: what) }
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}

extension AMQPPublisher {
    func connected() async throws { try await TestBroker.eventually("publisher connects") { isConnected } }
}

extension String {
    /// Without Foundation.
    fileprivate func range(of part: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(part) { return start..<index(start, offsetBy: part.count) }
            start = index(after: start)
        }
        return nil
    }
}

/// `rabbitmqctl` for the broker of `MARTLET_TEST_AMQP_URL`, as one command, named by `MARTLET_TEST_RABBITMQCTL`.
enum BrokerControl {
    static let command = getenv("MARTLET_TEST_RABBITMQCTL").map { String(cString: $0) } ?? ""
    static let reason =
        "MARTLET_TEST_RABBITMQCTL is not set: a broker of their own for alarms, lost connections and users"

    struct Failed: Error { let arguments: [String] }

    static func run(_ arguments: String...) throws {
        var words: [UnsafeMutablePointer<CChar>?] = ([command, "-q"] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        var pid = pid_t()
        var status: Int32 = 0
        guard posix_spawnp(&pid, command, nil, nil, &words, environ) == 0, waitpid(pid, &status, 0) == pid, status == 0
        else { throw Failed(arguments: arguments) }
    }
}
