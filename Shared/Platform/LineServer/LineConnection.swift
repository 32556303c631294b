package import MailCore
import MailWire
package import NIOCore

/// One client. Its executor is the channel's event loop: session code is straight async code that never changes threads.
///
/// One task waits at a time; every wait ends by its event, by its deadline or by the end of the connection. After each
/// wait the callers look at the state again.
package actor LineConnection {
    /// What a waiting session wants to be told; the end of the connection and the deadline always count.
    struct Interest: OptionSet {
        let rawValue: UInt8
        static let input = Interest(rawValue: 1)
        static let writable = Interest(rawValue: 2)
        static let wake = Interest(rawValue: 4)
        static let shutdown = Interest(rawValue: 8)
        static let handshake = Interest(rawValue: 16)
    }

    package nonisolated let id: String
    package nonisolated let listener: LineListener
    package nonisolated let localPort: Int
    package nonisolated let limits: LineLimits
    package nonisolated let openedAt: Timestamp
    package nonisolated var peerAddress: String { peer.text }
    /// What limits count by: the address, or the /64 of an IPv6 address.
    package nonisolated var peerKey: String { peer.key }
    nonisolated let peer: PeerAddress
    nonisolated let channel: any Channel
    nonisolated let certificates: TLSCertificates?
    nonisolated let wakePending = WakeFlag()
    /// Of the event loop; the session's task runs on it too.
    nonisolated let executor: LoopExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// TLS protects the connection.
    package internal(set) var isSecure = false
    package internal(set) var isShuttingDown = false
    /// Set when a session ends over a fault: what the client still sends is read and dropped for a moment, so that the
    /// kernel does not reset the connection before the last reply is read.
    package var lingers = false
    /// Why the session ended; a name of ours.
    package var closeReason = "closed"
    private var account: AccountID?
    private var address: String?
    package internal(set) var bytesIn = 0
    package internal(set) var bytesOut = 0
    package internal(set) var roundTrips = 0

    static let empty = ByteBuffer()
    var input = empty
    var framer = LineFramer()
    var readPaused = false
    var inputHasEnded = false
    var isClosed = false
    var failure: String?
    var isDiscarding = false
    /// The session is over and the socket is being closed.
    var isClosing = false
    var output = empty

    private var waiter: UnsafeContinuation<Void, Never>?
    private var interest: Interest = []
    /// What was signalled since it was last waited for; a session may find that it knows it already.
    private var happened: Interest = []
    private var deadline = NIODeadline.distantFuture
    private var timer: NIOScheduledCallback?
    private var timerDeadline = NIODeadline.distantFuture

    init(
        channel: any Channel, executor: LoopExecutor, listener: LineListener, limits: LineLimits,
        certificates: TLSCertificates?
    ) {
        self.channel = channel
        self.listener = listener
        self.limits = limits
        self.certificates = certificates
        self.executor = executor
        self.peer = PeerAddress(channel.remoteAddress)
        self.localPort = channel.localAddress?.port ?? listener.port
        self.openedAt = .now()
        self.id = String(UInt64.random(in: .min ... .max), radix: 36)
    }

    // MARK: Waiting

    /// Suspends until something of interest happens, or has happened since the last such wait; false when the deadline
    /// passed first.
    ///
    /// Any `await`, even of an actor's own method, may let the event loop run other things first. So what happens while
    /// nobody waits is remembered, and the last look at it is in the same step that registers the waiter.
    func wait(_ interest: Interest, until deadline: NIODeadline) async -> Bool {
        await withUnsafeContinuation { continuation in
            precondition(waiter == nil, "two tasks wait on one connection")
            guard !isClosed, happened.isDisjoint(with: interest) else { return continuation.resume() }
            self.interest = interest
            self.deadline = deadline
            waiter = continuation
            arm(deadline)
        }
        happened.subtract(interest)
        return isClosed || NIODeadline.now() < deadline
    }

    func signal(_ event: Interest) {
        happened.formUnion(event)
        guard !interest.isDisjoint(with: event) else { return }
        resume()
    }

    private func resume() {
        guard let waiter else { return }
        self.waiter = nil
        interest = []
        waiter.resume()
    }

    /// One timer per connection, moved only when it would fire too late: a busy session arms it once in a long while.
    private func arm(_ deadline: NIODeadline) {
        if timer != nil, timerDeadline <= deadline { return }
        timer?.cancel()
        timer = nil
        guard deadline != .distantFuture,
            let timer = try? channel.eventLoop.scheduleCallback(at: deadline, handler: self)
        else { return }  // throws only when the loop is already shut down, where nothing waits any more
        self.timer = timer
        timerDeadline = deadline
    }

    fileprivate func timerFired() {
        timer = nil
        guard waiter != nil else { return }
        if deadline <= NIODeadline.now() { resume() } else { arm(deadline) }
    }

    // MARK: What the channel reports

    func handshakeCompleted() {
        isSecure = true
        signal(.handshake)
    }

    func inputEnded() {
        inputHasEnded = true
        if isClosing { hangUp() }
        signal([.input, .handshake])
    }

    func failed(_ reason: String) {
        if failure == nil { failure = reason }
    }

    func closed() {
        isClosed = true
        timer?.cancel()
        timer = nil
        input = Self.empty
        output = Self.empty
        resume()
    }

    func beginShutdown() {
        isShuttingDown = true
        signal([.shutdown, .wake])
    }

    // MARK: Waking from elsewhere

    /// Ends the session's `waitForInput`, now or when it next comes to one. Any thread may call it, often.
    package nonisolated func wake() {
        guard wakePending.raise() else { return }
        channel.eventLoop.execute { self.assumeIsolated { $0.signal(.wake) } }
    }

    // MARK: The tap

    /// Tells a line, a reply or a state to whoever watches; it is not built when nobody does, or when there is no room for it.
    package func event(_ event: @autoclosure () -> SessionEvent) {
        if SessionTap.isWatched { SessionTap.emit(passing: event, in: id) { summary } }
    }

    /// Tells what the session is: its beginning and end, its encryption, its account.
    func milestone(_ event: @autoclosure () -> SessionEvent) {
        if SessionTap.isWatched { SessionTap.emit(id, event()) { summary } }
    }

    /// Tells a reply without secrets, each of its lines for itself.
    package func event(reply: [UInt8]) {
        guard SessionTap.isWatched else { return }
        for line in reply.split(separator: UInt8(ascii: "\n")) {
            event(.line(.toClient, RedactedText(line: line.last == UInt8(ascii: "\r") ? line.dropLast() : line)))
        }
    }

    /// The client has logged in: the session is this account's to see.
    package func identified(as account: AccountID, _ address: String) {
        self.account = account
        self.address = address
        milestone(.login(account: account, address: address))
    }

    /// What is known of the session now.
    var summary: SessionSummary {
        SessionSummary(
            id: id, role: listener.role, peer: peerAddress, localPort: localPort, account: account, address: address,
            openedAt: openedAt, closedAt: .now(), secure: isSecure, bytesIn: bytesIn, bytesOut: bytesOut,
            roundTrips: roundTrips, reason: closeReason)
    }
}

extension LineConnection: NIOScheduledCallbackHandler {
    package nonisolated func handleScheduledCallback(eventLoop: some EventLoop) {
        assumeIsolated { $0.timerFired() }
    }
}
