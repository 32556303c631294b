import CLibPQ

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One libpq connection in non-blocking, pipeline mode. Owns the `PGconn`; used on its connection's thread only.
final class Wire {
    let connection: OpaquePointer
    let notices = NoticeBox()
    /// Types of the parameters each statement was prepared with on this connection.
    var prepared: [String: [PostgresType]] = [:]
    /// The server process behind this connection.
    private(set) var process: Int32 = 0
    private var isCorked = false
    /// Bytes went out or came in at this moment.
    var lastProgress = ContinuousClock.now

    /// Connects; `PQconnectStart` and `PQconnectPoll` never block except for the look-up of a host name.
    init(_ configuration: PostgresConfiguration) throws(PostgresError) {
        let options = try Wire.options(of: configuration)
        let settings: [(String, String)] = [
            // Before the URL, which may say otherwise. Looking for a Kerberos ticket would be a part of every connect.
            ("gssencmode", "disable"), ("dbname", configuration.url),
            ("application_name", configuration.applicationName),
            ("client_encoding", "UTF8"), ("keepalives", "1"), ("keepalives_idle", "5"), ("keepalives_interval", "5"),
            ("keepalives_count", "3"), ("tcp_user_timeout", "20000"), ("options", options),
        ]
        let started = withCStrings(settings.map(\.0)) { keywords in
            withCStrings(settings.map(\.1)) { values in PQconnectStartParams(keywords, values, 1) }
        }
        guard let started else { throw PostgresError(.connectFailed, "out of memory") }
        connection = started
        try finishConnecting(deadline: .now + configuration.connectTimeout)
        process = PQbackendPID(connection)
        notices.install(in: connection)
        PQsetnonblocking(connection, 1)
        guard PQenterPipelineMode(connection) == 1 else { throw PostgresError(.connectFailed, "no pipeline mode") }
    }

    deinit { PQfinish(connection) }

    /// `options` of the URL, then ours, which win: durability and limits must not depend on a role's or URL's settings.
    private static func options(of configuration: PostgresConfiguration) throws(PostgresError) -> String {
        var theirs = ""
        if configuration.url.contains("=") || configuration.url.contains("://") {
            var message: UnsafeMutablePointer<CChar>?
            guard let parsed = PQconninfoParse(configuration.url, &message) else {
                // libpq's message may quote the text, which may hold a password.
                PQfreemem(message)
                throw PostgresError(.connectFailed, "the PostgreSQL URL cannot be parsed")
            }
            defer { PQconninfoFree(parsed) }
            var option = parsed
            while let keyword = option.pointee.keyword {
                if String(cString: keyword) == "options", let value = option.pointee.val {
                    theirs = String(cString: value) + " "
                }
                option += 1
            }
        }
        let timeout = milliseconds(configuration.statementTimeout)
        let lockTimeout = configuration.lockTimeout.map { " -c lock_timeout=\(milliseconds($0))" } ?? ""
        return theirs + "-c synchronous_commit=on -c idle_in_transaction_session_timeout=15s -c TimeZone=UTC"
            + " -c statement_timeout=\(timeout)\(lockTimeout) -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5"
            // Keep-alives are silent while an answer is under way to a host that vanished: without the last one such a
            // session would keep its locks for the quarter of an hour that TCP sends it again.
            + " -c tcp_keepalives_count=3 -c tcp_user_timeout=20s"
            // A process that was killed must not keep its rows locked until its statement has ended.
            + " -c client_connection_check_interval=1s"
            // Short statements by key only: compiling a plan, starting workers or planning anew for each set of
            // parameters (a third of the server's time) costs more than it gains, and a plan that was made while a
            // table was empty must not read all of it later.
            + " -c jit=off -c max_parallel_workers_per_gather=0 -c enable_seqscan=off"
            + " -c plan_cache_mode=force_generic_plan -c enable_memoize=off"
    }

    private func finishConnecting(deadline: ContinuousClock.Instant) throws(PostgresError) {
        var polling = PGRES_POLLING_WRITING
        while polling != PGRES_POLLING_OK {
            guard polling != PGRES_POLLING_FAILED, PQstatus(connection) != CONNECTION_BAD else {
                throw PostgresError(.connectFailed, errorText)
            }
            let events = polling == PGRES_POLLING_READING ? POLLIN : POLLOUT
            guard try wait(events, until: deadline) else { throw PostgresError(.connectFailed, "no answer in time") }
            polling = PQconnectPoll(connection)
        }
    }

    var errorText: String {
        String(cString: PQerrorMessage(connection)).split(separator: "\n").first.map(String.init) ?? "unknown"
    }

    var isBroken: Bool { PQstatus(connection) == CONNECTION_BAD }

    /// One look at the socket, without waiting. What an idle server says is mostly good-bye (FATAL), or a reloaded setting.
    func isAlive() -> Bool {
        guard !isBroken, PQtransactionStatus(connection) == PQTRANS_IDLE else { return false }
        var descriptor = pollfd(fd: PQsocket(connection), events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, 0) != 0 else { return true }
        // PQisBusy reads what came; outside a request an error arrives as a notice.
        return PQconsumeInput(connection) == 1 && PQisBusy(connection) == 0 && !isBroken && !notices.hasFatal
    }

    /// False when the deadline passes first.
    func wait(_ events: Int32, until deadline: ContinuousClock.Instant) throws(PostgresError) -> Bool {
        while true {
            let left = milliseconds(deadline - .now)
            guard left > 0 else { return false }
            var descriptor = pollfd(fd: PQsocket(connection), events: Int16(events), revents: 0)
            let ready = poll(&descriptor, 1, Int32(clamping: left))
            if ready > 0 {
                lastProgress = .now
                return true
            }
            if ready < 0, errno != EINTR { throw PostgresError(.connectionLost, "poll: error \(errno)") }
        }
    }

    /// When so many bytes are queued, libpq sends them while statements are still being added.
    static let outputBuffer = 8192

    /// Keeps what libpq sends in the kernel until all of it is there (`flush`): each 8 KiB would wake the server for itself.
    func cork() { setCork(true) }

    /// Only a gain in speed: a Unix socket has no such option, nor have other systems one that is like it.
    private func setCork(_ on: Bool) {
        guard isCorked != on else { return }
        isCorked = on
        #if os(Linux)
            var value: Int32 = on ? 1 : 0
            setsockopt(PQsocket(connection), Int32(IPPROTO_TCP), TCP_CORK, &value, socklen_t(MemoryLayout<Int32>.size))
        #endif
    }

    /// Sends what is queued, reading meanwhile so that the server never blocks on us.
    func flush(until deadline: () -> ContinuousClock.Instant) throws(PostgresError) {
        while true {
            let state = PQflush(connection)
            if state == 0 { return setCork(false) }
            guard state > 0 else { throw PostgresError(.connectionLost, errorText) }
            guard try wait(POLLIN | POLLOUT, until: deadline()) else { throw PostgresError(.timeout, "sending") }
            guard PQconsumeInput(connection) == 1 else { throw PostgresError(.connectionLost, errorText) }
        }
    }

    /// The next result, or nil at the end of a statement's results.
    func nextResult(until deadline: () -> ContinuousClock.Instant) throws(PostgresError) -> OpaquePointer? {
        while PQisBusy(connection) == 1 {
            guard try wait(POLLIN, until: deadline()) else { throw PostgresError(.timeout, "waiting for an answer") }
            guard PQconsumeInput(connection) == 1 else {
                // What the server said before it closed (57P01 and the like) says more than "closed".
                if let last = PQgetResult(connection) { return last }
                throw PostgresError(.connectionLost, errorText)
            }
        }
        if let result = PQgetResult(connection) { return result }
        if isBroken { throw PostgresError(.connectionLost, errorText) }
        return nil
    }
}

/// Rounded up, so that a positive rest never becomes a busy loop of zero.
func milliseconds(_ duration: Duration) -> Int64 {
    let parts = duration.components
    return parts.seconds &* 1000 &+ (parts.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
}

/// Lends a NULL-terminated array of C strings.
private func withCStrings<R>(_ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> R) -> R {
    var pointers: [UnsafePointer<CChar>?] = strings.map { UnsafePointer(strdup($0)) }
    pointers.append(nil)
    defer { for case .some(let pointer) in pointers { free(UnsafeMutablePointer(mutating: pointer)) } }
    return pointers.withUnsafeBufferPointer { buffer in
        // The array ends with nil, so it has a base address.
        guard let base = buffer.baseAddress else { preconditionFailure("empty array") }
        return body(base)
    }
}
