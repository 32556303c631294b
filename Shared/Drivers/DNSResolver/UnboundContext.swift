import CUnbound
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Owns a libunbound context.
///
/// `@unchecked Sendable`: libunbound locks a context that resolves on a thread (`ub_ctx_async(ctx, 1)`), so questions,
/// cancellations and `ub_process` may come from any thread; `handle` itself never changes before `deinit`, which no
/// question outlives because each holds the context.
final class UnboundContext: @unchecked Sendable {
    struct SetupError: Error, CustomStringConvertible {
        let description: String
    }

    private let handle: OpaquePointer
    private let listener = AnswerListener()

    init(_ configuration: DNSConfiguration) throws {
        guard let handle = ub_ctx_create() else { throw SetupError(description: "libunbound has no memory") }
        self.handle = handle
        do {
            try Self.configure(handle, configuration)
        } catch {
            ub_ctx_delete(handle)
            throw error
        }
    }

    deinit { ub_ctx_delete(handle) }

    private static func configure(_ handle: OpaquePointer, _ configuration: DNSConfiguration) throws {
        func check(_ code: Int32, _ what: String) throws {
            if code != 0 { throw SetupError(description: "\(what): \(String(cString: ub_strerror(code)))") }
        }
        try check(ub_ctx_async(handle, 1), "asynchronous resolution")
        // Our servers answer for themselves; without this 127.0.0.1 could not be a name server in a closed network.
        try check(ub_ctx_set_option(handle, "do-not-query-localhost:", "no"), "do-not-query-localhost")
        for stub in configuration.stubs {
            try check(ub_ctx_set_stub(handle, stub.zone, stub.server, 0), "stub \(stub.zone)")
        }
        for forwarder in configuration.forwarders {
            try check(ub_ctx_set_fwd(handle, forwarder), "forwarder \(forwarder)")
        }
        if configuration.forwarders.isEmpty, access("/etc/resolv.conf", R_OK) == 0 {
            try check(ub_ctx_resolvconf(handle, nil), "/etc/resolv.conf")
        }
        if configuration.validates, access(configuration.rootKeyFile, R_OK) == 0 {
            try check(ub_ctx_add_ta_file(handle, configuration.rootKeyFile), configuration.rootKeyFile)
        }
        for anchor in configuration.trustAnchors { try check(ub_ctx_add_ta(handle, anchor), "trust anchor") }
        guard let path = configuration.zoneFile else { return }
        let zone = try ZoneFile(try readFile(path))
        for name in zone.zones { try check(ub_ctx_zone_add(handle, name, "static"), "zone \(name)") }
        for record in zone.records { try check(ub_ctx_data_add(handle, record), "record \(record)") }
    }

    // MARK: - Answers

    func start() { listener.start(reading: ub_fd(handle)) { ub_process(self.handle) } }

    func stop() { listener.stop() }

    /// Never throws: the outcome of a question is a value.
    func ask(_ name: String, _ type: DNSRecordType, within timeout: Duration) async -> Result<RawAnswer, DNSError> {
        let question = Question(self)
        return await withTaskGroup(of: Result<RawAnswer, DNSError>?.self) { group in
            group.addTask { await question.ask(name, type) }
            group.addTask {
                // Ends early when the answer is there, where `cancel` does nothing, and when the asker is cancelled.
                try? await Task.sleep(for: timeout)
                question.cancel()
                return nil
            }
            for await outcome in group {
                if let outcome {
                    group.cancelAll()
                    return outcome
                }
            }
            return .failure(.temporary("no answer in time"))
        }
    }

    fileprivate func submit(_ question: Question, _ name: String, _ type: DNSRecordType) -> Result<Int32, DNSError> {
        var id: Int32 = 0
        let box = Unmanaged.passRetained(question)
        let code = ub_resolve_async(
            handle, name, type.rawValue, 1, box.toOpaque(),
            { box, error, result in
                guard let box else { return }
                Unmanaged<Question>.fromOpaque(box).takeRetainedValue().answered(error, result)
            }, &id)
        guard code == 0 else {
            box.release()
            return .failure(.temporary(String(cString: ub_strerror(code))))
        }
        return .success(id)
    }

    /// Whether the question was still open; then its callback never comes.
    fileprivate func cancel(_ id: Int32) -> Bool { ub_cancel(handle, id) == 0 }
}

/// One question: answered once, by libunbound or by its deadline.
private final class Question: Sendable {
    private enum State {
        case new
        case asked(id: Int32?, CheckedContinuation<Result<RawAnswer, DNSError>, Never>)
        case done
    }

    private let context: UnboundContext
    private let state = Mutex(State.new)

    init(_ context: UnboundContext) { self.context = context }

    func ask(_ name: String, _ type: DNSRecordType) async -> Result<RawAnswer, DNSError> {
        await withCheckedContinuation { continuation in
            state.withLock { $0 = .asked(id: nil, continuation) }
            switch context.submit(self, name, type) {
            case .success(let id):
                state.withLock { state in
                    if case .asked(_, let continuation) = state { state = .asked(id: id, continuation) }
                }
            case .failure(let error): finish(.failure(error))
            }
        }
    }

    func cancel() {
        let id = state.withLock { state -> Int32? in
            if case .asked(let id, _) = state { return id }
            return nil
        }
        // The box that libunbound held is ours to release, now that its callback never comes.
        if let id, context.cancel(id) { Unmanaged.passUnretained(self).release() }
        finish(.failure(.temporary("no answer in time")))
    }

    func answered(_ error: Int32, _ result: UnsafeMutablePointer<ub_result>?) {
        defer { if let result { ub_resolve_free(result) } }
        guard error == 0, let result else { return finish(.failure(.temporary(String(cString: ub_strerror(error))))) }
        finish(Self.read(result.pointee))
    }

    private func finish(_ outcome: Result<RawAnswer, DNSError>) {
        let continuation = state.withLock { state -> CheckedContinuation<Result<RawAnswer, DNSError>, Never>? in
            guard case .asked(_, let continuation) = state else { return nil }
            state = .done
            return continuation
        }
        continuation?.resume(returning: outcome)
    }

    private static func read(_ result: ub_result) -> Result<RawAnswer, DNSError> {
        if result.bogus != 0 {
            return .failure(.bogus(result.why_bogus.map { String(cString: $0) } ?? "signature does not verify"))
        }
        if result.nxdomain != 0 { return .failure(.noSuchName) }
        guard result.rcode == 0 else { return .failure(.temporary("response code \(result.rcode)")) }
        guard result.havedata != 0, let data = result.data, let lengths = result.len else {
            return .failure(.noSuchRecord)
        }
        var records: [[UInt8]] = []
        var index = 0
        // The array ends with a null pointer; 200 records are more than any mail domain has.
        while index < 200, let record = data[index] {
            records.append([UInt8](UnsafeRawBufferPointer(start: record, count: max(0, Int(lengths[index])))))
            index += 1
        }
        return .success(RawAnswer(data: records, isSecure: result.secure != 0, timeToLive: Int(result.ttl)))
    }
}

private func readFile(_ path: String) throws -> String {
    guard let file = fopen(path, "r") else {
        throw UnboundContext.SetupError(description: "\(path): \(String(cString: strerror(errno)))")
    }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer.prefix(count) }
    return String(decoding: bytes, as: UTF8.self)
}
