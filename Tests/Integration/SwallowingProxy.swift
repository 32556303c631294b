import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A TCP proxy in front of PostgreSQL that can lose the server's answers: the client sees silence or a closed
/// connection while the server goes on, as with a vanished host or a dying network.
///
/// Threads and blocking sockets: a test tool, one pair of threads per connection.
final class SwallowingProxy: Sendable {
    enum Fault: Sendable {
        case none
        /// Answers are thrown away once `after` more pieces have passed on that connection.
        case silence(after: Int)
        /// The connection is closed instead of passing the answer on; the server's side stays open until it ends.
        case cut(after: Int)
        /// PostgreSQL: in place of the ReadyForQuery at the end of the answer a PANIC arrives, and the connection closes.
        case panic
    }

    let port: UInt16
    private let listener: Int32
    private let server: UInt16
    private let faults = Mutex([Int32: Fault]())

    /// Listens on a free port of 127.0.0.1 and passes everything on to `server`.
    static func start(to server: UInt16) throws -> SwallowingProxy {
        struct Failed: Error {}
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = loopback(0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                guard bind(listener, address, length) == 0 else { return Int32(-1) }
                return getsockname(listener, address, &length)
            }
        }
        guard listener >= 0, status == 0, listen(listener, 32) == 0 else { throw Failed() }
        let proxy = SwallowingProxy(listener: listener, port: UInt16(bigEndian: address.sin_port), server: server)
        thread { proxy.acceptAll() }
        return proxy
    }

    private init(listener: Int32, port: UInt16, server: UInt16) {
        self.listener = listener
        self.port = port
        self.server = server
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    /// From now on the connections open at this moment fail; those opened later work.
    func failOpenConnections(_ fault: Fault) {
        let connections = open.withLock { $0 }
        faults.withLock { $0 = Dictionary(uniqueKeysWithValues: connections.map { ($0, fault) }) }
    }

    private let open = Mutex(Set<Int32>())

    private func acceptAll() {
        while true {
            let client = accept(listener, nil, nil)
            guard client >= 0 else { return }
            let upstream = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            var address = loopback(server)
            _ = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(upstream, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            open.withLock { _ = $0.insert(client) }
            thread { self.copy(from: client, to: upstream, isAnswer: false, client: client) }
            thread { self.copy(from: upstream, to: client, isAnswer: true, client: client) }
        }
    }

    private func copy(from source: Int32, to target: Int32, isAnswer: Bool, client: Int32) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(source, &buffer, buffer.count)
            guard count > 0 else { break }
            if isAnswer {
                switch nextFault(of: client) {
                case .none: break
                case .silence: continue
                case .cut:
                    shutdown(client, Int32(SHUT_RDWR))
                    continue
                case .panic:
                    write(buffer[..<max(0, count - Self.readyForQuery)] + Self.panic, to: target)
                    shutdown(client, Int32(SHUT_RDWR))
                    continue
                }
            }
            write(buffer[..<count], to: target)
        }
        // A client that hangs up on silence must not end the server's transaction early.
        if isAnswer {
            shutdown(target, Int32(SHUT_WR))
        } else {
            thread {
                sleep(1); shutdown(target, Int32(SHUT_WR))
            }
        }
    }

    private func write(_ bytes: ArraySlice<UInt8>, to target: Int32) {
        var rest = bytes
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { send(target, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard written > 0 else { return }
            rest = rest.dropFirst(written)
        }
    }

    private static let readyForQuery = 6
    /// ErrorResponse ("Message Formats" in PostgreSQL's description of its protocol).
    private static let panic: [UInt8] = {
        let fields = "SPANIC\0VPANIC\0C58030\0Mcould not fsync\0\0".utf8
        return [UInt8(ascii: "E"), 0, 0, 0, UInt8(fields.count + 4)] + fields
    }()

    private func nextFault(of client: Int32) -> Fault {
        faults.withLock { faults in
            switch faults[client] {
            case .silence(let after) where after > 0:
                faults[client] = .silence(after: after - 1)
                return .none
            case .cut(let after) where after > 0:
                faults[client] = .cut(after: after - 1)
                return .none
            case let fault: return fault ?? .none
            }
        }
    }
}

private func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
}

private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
}

private func thread(_ body: @escaping @Sendable () -> Void) {
    var created = pthread_t()
    let work = Unmanaged.passRetained(Work(body)).toOpaque()
    pthread_create(
        &created, nil,
        { context in
            if let context { Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body() }
            return nil
        }, work)
    pthread_detach(created)
}
