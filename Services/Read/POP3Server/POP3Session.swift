import LineServer
import Logging
import MailCore
import POP3Grammar
import ServiceKit
import Storage

/// Carries out what the dialogue decides, on one connection. Whatever is a question of protocol is the dialogue's.
struct POP3Session {
    /// Bytes that may wait for a client before it is asked whether it reads them.
    private static let flushAfter = 64 * 1024

    private let service: POP3Service
    private var dialogue: POP3Dialogue
    private var reader: MessageReader
    private var message: MessageReader.Found?
    private var lease: MaildropLease?
    private var ending: POP3Reason?
    private var unflushed = 0
    private var retrieved = 0
    private var refused = 0
    private var lastRefusal: POP3Reason?

    init(service: POP3Service, _ connection: isolated LineConnection) {
        self.service = service
        reader = MessageReader(store: service.messages)
        dialogue = POP3Dialogue(
            configuration: service.configuration, offersTLS: connection.listener.tls == .startTLS,
            isSecure: connection.isSecure)
    }

    mutating func run(_ connection: isolated LineConnection) async {
        POP3Metrics.open.add(1)
        defer { POP3Metrics.open.add(-1) }
        do {
            try await converse(connection)
        } catch {
            end(connection, error)
        }
        if let lease { await service.leases.giveBack(lease) }
        let reason = ending ?? .closed
        connection.closeReason = reason.rawValue
        POP3Metrics.countEnd(reason)
        log(connection, reason)
    }

    private mutating func converse(_ connection: isolated LineConnection) async throws(LineError) {
        // RFC 1939 4: clients wait for the greeting; who does not is a script or a browser.
        if connection.hasInput { return close(connection, POP3Replies.earlyTalker, .earlyTalker) }
        send(connection, dialogue.greeting)
        let start = ContinuousClock.now
        while ending == nil {
            let line = try await connection.readLine(
                maximum: POP3Limits.authenticationLine, timeout: dialogue.patience(after: .now - start))
            var next: POP3Action? = decide(connection, line)
            while let action = next { next = try await perform(connection, action) }
        }
    }

    private mutating func decide(_ connection: isolated LineConnection, _ line: Line) -> POP3Action {
        guard case .line(let bytes) = line else { return dialogue.lineTooLong() }
        connection.event(.line(.fromClient, dialogue.shown(bytes)))
        return dialogue.isAuthenticating
            ? dialogue.authenticationLine(bytes) : dialogue.command(bytes, isPipelined: connection.hasInput)
    }

    /// Does what was decided; what follows from its outcome is decided again.
    private mutating func perform(
        _ connection: isolated LineConnection, _ action: POP3Action
    ) async throws(LineError) -> POP3Action? {
        switch action {
        case .reply(let reply):
            send(connection, reply)
            try await flushIfFull(connection)
        case .refuse(let reply, let reason):
            refused += 1
            lastRefusal = reason
            POP3Metrics.countRefusal(reason)
            send(connection, reply)
            try await flushIfFull(connection)
        case .close(let reply, let reason):
            if reason == .guessing { await connection.pause(service.configuration.loginFailureDelay) }
            close(connection, reply, reason)
        case .startTLS(let reply):
            send(connection, reply)
            try await connection.startTLS()
            dialogue.tlsStarted()
        case .verify(let credentials):
            connection.push()
            let outcome = await service.authenticate(credentials, connection.peerKey)
            if case .accepted(let login) = outcome { connection.identified(as: login.account, login.address) }
            return dialogue.authenticated(outcome)
        case .open(let account): return dialogue.maildropOpened(await open(account))
        case .list(let listing): try await send(connection, listing)
        case .find(let index): return dialogue.messageFound(await find(index))
        case .transmit(let reply, let lines): try await transmit(connection, reply, lines: lines)
        case .update(let marked): return dialogue.updated(await remove(marked))
        }
        return nil
    }

    // MARK: - Replies

    /// Nothing leaves before the client has to be waited for: commands sent in one go are answered in one go.
    private mutating func send(_ connection: isolated LineConnection, _ reply: POP3Reply) {
        write(connection, reply.bytes)
        if reply.isPositive { POP3Metrics.commands.increment() }
        connection.event(.result(reply.isPositive ? "+OK" : "-ERR"))
        connection.event(reply: reply.bytes)
        connection.event(.state(dialogue.stateName))
    }

    private mutating func send(
        _ connection: isolated LineConnection, _ listing: MaildropListing
    ) async throws(LineError) {
        var listing = listing
        while let piece = listing.nextPiece() {
            write(connection, piece)
            try await flushIfFull(connection)
        }
        POP3Metrics.commands.increment()
        connection.event(.line(.toClient, .lines(of: dialogue.maildrop)))
    }

    private mutating func write(_ connection: isolated LineConnection, _ bytes: [UInt8]) {
        connection.write(bytes)
        unflushed += bytes.count
    }

    /// A client that pipelines and does not read is made to wait.
    private mutating func flushIfFull(_ connection: isolated LineConnection) async throws(LineError) {
        guard unflushed >= Self.flushAfter else { return }
        unflushed = 0
        try await connection.flush()
        // A fast client would never make us wait; the loop's other sessions shall not.
        await Task.yield()
    }

    private mutating func close(_ connection: isolated LineConnection, _ reply: POP3Reply?, _ reason: POP3Reason) {
        ending = reason
        if reason != .quit { connection.lingers = true }
        // Silence, a lost TLS or our own shutdown answers no command.
        if let reply, !reply.isPositive, reason != .shutdown { POP3Metrics.countRefusal(reason) }
        if let reply { send(connection, reply) }
    }

    private mutating func end(_ connection: isolated LineConnection, _ error: LineError) {
        switch error {
        // RFC 1939 3: who was silent for too long gets no answer, and nothing is deleted.
        case .timeout: close(connection, nil, .timeout)
        case .shuttingDown: close(connection, POP3Replies.shutdown, .shutdown)
        case .closed: ending = ending ?? .closed
        case .pipelinedPlaintext: close(connection, nil, .plaintextInjection)
        case .tls: close(connection, nil, .tlsFailed)
        case .tooMuch: close(connection, nil, .flood)
        }
    }

    // MARK: - The maildrop

    private nonisolated(nonsending) mutating func open(_ account: AccountID) async -> MaildropOutcome {
        do {
            switch try await service.leases.open(account) {
            case .opened(let snapshot, let lease):
                self.lease = lease
                return .opened(snapshot)
            case .inUse: return .inUse
            case .noInbox: return .noInbox
            }
        } catch {
            return .unavailable
        }
    }

    private nonisolated(nonsending) mutating func find(_ index: Maildrop.Index) async -> MessageOutcome {
        guard let snapshot = dialogue.maildrop?.snapshot else { return .unavailable }
        do {
            message = try await reader.message(at: index, of: snapshot)
            return message == nil ? .gone : .found
        } catch {
            return .unavailable
        }
    }

    private nonisolated(nonsending) mutating func remove(_ marked: UIDRuns) async -> UpdateOutcome {
        guard let lease, let key = dialogue.maildrop?.snapshot.key else { return .leaseLost }
        do {
            let isOurs = try await service.leases.remove(marked, from: key, under: lease) { delta in
                POP3Metrics.deleted.increment(by: delta.expunged.count)
                await service.changed(delta)
            }
            guard isOurs else { return .leaseLost }
            self.lease = nil
            return .removed
        } catch {
            return .unavailable
        }
    }

    // MARK: - A message

    private mutating func transmit(
        _ connection: isolated LineConnection, _ reply: POP3Reply, lines: Int?
    ) async throws(LineError) {
        guard let message = message.take() else { return }
        send(connection, reply)
        var pieces = reader.pieces(of: message)
        var encoder = POP3MessageEncoder(lines: lines)
        var sent = 0
        do {
            while !encoder.isComplete, let piece = try await pieces.next() {
                var encoded: [UInt8] = []
                encoder.encode(piece, into: &encoded)
                sent += encoded.count
                write(connection, encoded)
                try await flushIfFull(connection)
            }
        } catch let error as LineError {
            throw error
        } catch {
            // Without the dot at the end the client knows that it has not got the whole message.
            return close(connection, nil, .brokenMessage)
        }
        var dot: [UInt8] = []
        encoder.end(into: &dot)
        write(connection, dot)
        note(connection, sent: sent)
        try await flushIfFull(connection)
    }

    // MARK: - Records

    private mutating func note(_ connection: isolated LineConnection, sent: Int) {
        retrieved += 1
        POP3Metrics.retrieved.increment()
        POP3Metrics.sentBytes.increment(by: sent)
        connection.event(.line(.toClient, .data(sent)))
    }

    /// One record per session; the ordinary ones only when asked for.
    private func log(_ connection: isolated LineConnection, _ reason: POP3Reason) {
        let isOrdinary: Bool
        switch reason {
        case .quit, .closed, .shutdown: isOrdinary = refused == 0
        case .timeout: isOrdinary = refused == 0 && dialogue.maildrop != nil
        default: isOrdinary = false
        }
        service.logger.log(
            level: isOrdinary ? .debug : .info, "session ended",
            metadata: [
                LogKey.session: "\(connection.id)", LogKey.listener: "\(connection.listener.role)",
                LogKey.peer: "\(connection.peerAddress)", LogKey.state: "\(dialogue.stateName)",
                LogKey.reason: "\(reason.rawValue)", LogKey.count: "\(retrieved)", LogKey.refused: "\(refused)",
                LogKey.refusal: "\(lastRefusal?.rawValue ?? "none")",
            ])
    }
}
