import LineServer
import Logging
import MailCore
import MessageGrammar
import NIOCore
import SASL
import SMTPGrammar
import ServiceKit
import Storage

/// Carries out what the dialogue decides, on one connection. Whatever is a question of protocol is the dialogue's.
struct SMTPSession {
    private let service: SMTPService
    private let role: SMTPRole
    private var dialogue: SMTPDialogue
    private var ending: SMTPReason?
    private var accepted = 0
    private var refused = 0
    private var lastRefusal: SMTPReason?

    init(service: SMTPService, role: SMTPRole, isSecure: Bool) {
        self.service = service
        self.role = role
        self.dialogue = SMTPDialogue(configuration: service.configuration, role: role, isSecure: isSecure)
    }

    mutating func run(_ connection: isolated LineConnection) async {
        SMTPMetrics.sessions[role]?.increment()
        SMTPMetrics.open.add(1)
        defer { SMTPMetrics.open.add(-1) }
        do {
            try await converse(connection)
        } catch {
            end(connection, error)
        }
        let reason = ending ?? .closed
        connection.closeReason = reason.rawValue
        SMTPMetrics.countEnd(reason)
        log(connection, reason)
    }

    private mutating func converse(_ connection: isolated LineConnection) async throws(LineError) {
        // RFC 5321 4.3.1: clients wait for the greeting; who does not is a relay script or a browser.
        if connection.hasInput { return close(connection, dialogue.ending(.earlyTalker), .earlyTalker) }
        if role == .mx, service.isGuessing(connection.peerKey) {
            return close(connection, dialogue.ending(.badRecipients), .badRecipients)
        }
        send(connection, dialogue.greeting)
        while ending == nil {
            let line = try await connection.readLine(
                maximum: SMTPLimits.authenticationLine, timeout: service.configuration.idleTimeout)
            var next: SMTPAction? = decide(connection, line)
            while let action = next { next = try await perform(connection, action) }
        }
    }

    private mutating func decide(_ connection: isolated LineConnection, _ line: Line) -> SMTPAction {
        guard case .line(let bytes) = line else { return dialogue.lineTooLong() }
        connection.event(
            .line(.fromClient, dialogue.mayShow(bytes) ? RedactedText(line: bytes) : .secret(bytes.count)))
        return dialogue.isAuthenticating
            ? dialogue.authenticationLine(bytes) : dialogue.command(bytes, isPipelined: connection.hasInput)
    }

    /// Does what was decided; what follows from its outcome is decided again.
    private mutating func perform(
        _ connection: isolated LineConnection, _ action: SMTPAction
    ) async throws(LineError) -> SMTPAction? {
        switch action {
        case .reply(let reply), .challenge(let reply):
            send(connection, reply)
        case .refuse(let reply, let reason):
            await refuse(connection, reply, reason)
        case .close(let reply, let reason):
            if reason == .guessing { await connection.pause(service.configuration.authenticationFailureDelay) }
            if reason == .badRecipients { service.countBadRecipient(connection.peerKey) }
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
        case .checkSender(let address):
            return dialogue.senderChecked(isOwned: await isOwned(address))
        case .resolve(let candidates):
            return dialogue.recipientResolved(await resolve(candidates))
        case .receive(let reply, let transaction):
            send(connection, reply)
            let outcome = try await receive(connection, transaction)
            return ending == nil ? dialogue.messageEnded(outcome) : nil
        }
        return nil
    }

    // MARK: Replies

    private func send(_ connection: isolated LineConnection, _ reply: SMTPReply) {
        connection.write(reply.bytes)
        connection.event(.reply(code: reply.code))
        connection.event(reply: reply.bytes)
        connection.event(.state(dialogue.stateName))
    }

    private mutating func refuse(
        _ connection: isolated LineConnection, _ reply: SMTPReply, _ reason: SMTPReason
    ) async {
        refused += 1
        lastRefusal = reason
        SMTPMetrics.countRefusal(reason)
        if reason == .unknownRecipient || reason == .relayDenied { service.countBadRecipient(connection.peerKey) }
        send(connection, reply)
    }

    private mutating func close(_ connection: isolated LineConnection, _ reply: SMTPReply?, _ reason: SMTPReason) {
        ending = reason
        if reason != .quit {
            connection.lingers = true
            SMTPMetrics.countRefusal(reason)
        }
        if let reply { send(connection, reply) }
    }

    private mutating func end(_ connection: isolated LineConnection, _ error: LineError) {
        switch error {
        case .timeout: close(connection, dialogue.ending(.timeout), .timeout)
        case .shuttingDown: close(connection, dialogue.ending(.shutdown), .shutdown)
        case .closed: ending = .closed
        // No answer: the client, or somebody between, is not to be talked to (CVE-2011-0411).
        case .pipelinedPlaintext: close(connection, nil, .plaintextInjection)
        case .tls: close(connection, nil, .tlsFailed)
        case .tooMuch: close(connection, nil, .flood)
        }
    }

    // MARK: Lookups

    private nonisolated(nonsending) func resolve(_ candidates: [String]) async -> AccountStore.Resolution? {
        var last: AccountStore.Resolution = .unknown
        for candidate in candidates {
            do {
                last = try await service.resolve(candidate)
            } catch {
                return nil
            }
            switch last {
            case .local, .forwarded: return last
            case .unknown, .foreign: continue
            }
        }
        return last
    }

    /// An account may use its own address, also with a tag, and aliases that lead to nobody else.
    private nonisolated(nonsending) func isOwned(_ address: String) async -> Bool? {
        guard let login = dialogue.login else { return false }
        do {
            guard case .local(let owners) = try await service.resolve(address) else { return false }
            return owners.count == 1 && owners.first?.account == login.account
        } catch {
            return nil
        }
    }

    // MARK: A mail

    private mutating func receive(
        _ connection: isolated LineConnection, _ transaction: SMTPTransaction
    ) async throws(LineError) -> MessageOutcome {
        let id = MailID.next()
        var intake = intake(connection, transaction, id)
        let begun = ContinuousClock.now
        var received = 0
        while !intake.isEnded {
            var piece = try await connection.readSome(timeout: service.configuration.dataTimeout)
            let consumed = intake.take(piece)
            received += consumed
            if consumed < piece.readableBytes {
                piece.moveReaderIndex(forwardBy: consumed)
                connection.unread(piece)
            }
            if !intake.isEnded {
                await intake.spill()
                if isTooSlow(received, since: begun, connection) { return .temporaryFailure }
            }
        }
        let ended = ContinuousClock.now
        connection.push()
        let outcome = await accept(connection, transaction, id, &intake)
        note(connection, outcome, id, size: intake.size, took: .now - ended)
        return outcome
    }

    private func intake(
        _ connection: isolated LineConnection, _ transaction: SMTPTransaction, _ id: MailID
    ) -> MessageIntake {
        let configuration = service.configuration
        let date = MailDate(timestamp: .now()).headerText
        var trace: [UInt8] = []
        trace.reserveCapacity(512)
        ReceivedField(
            client: dialogue.clientName, peer: connection.peerAddress, host: configuration.hostname,
            transport: .init(
                isExtended: dialogue.isExtended, isSecure: connection.isSecure, isAuthenticated: dialogue.login != nil),
            id: id.description, recipient: transaction.onlyRecipient, date: date
        ).append(to: &trace)
        let completion =
            role.isSubmission
            ? MessageIntake.Completion(date: date, messageID: "\(id)@\(configuration.hostname)") : nil
        return MessageIntake(
            trace: trace,
            rules: .init(
                maximumSize: configuration.maximumSize, maximumReceivedFields: configuration.maximumReceivedFields,
                completion: completion, forwarders: transaction.forwarders),
            openSink: service.openSink)
    }

    private mutating func isTooSlow(
        _ received: Int, since begun: ContinuousClock.Instant, _ connection: isolated LineConnection
    ) -> Bool {
        let elapsed = ContinuousClock.now - begun
        guard elapsed > service.configuration.dataGrace else { return false }
        let needed = Double(service.configuration.minimumRate) * (elapsed / .seconds(1))
        guard Double(received) < needed else { return false }
        close(connection, dialogue.ending(.slowData), .slowData)
        return true
    }

    private func accept(
        _ connection: isolated LineConnection, _ transaction: SMTPTransaction, _ id: MailID,
        _ intake: inout MessageIntake
    ) async -> MessageOutcome {
        let message: MessageIntake.Message
        switch await intake.finish() {
        case .success(let complete): message = complete
        case .failure(let refusal): return refusal.outcome
        }
        let mail = AcceptedMail(
            id: id, body: message.body, receivedAt: .now(), origin: role.isSubmission ? .submission : .mx,
            envelopeFrom: transaction.sender, submitter: dialogue.login?.account, peer: connection.peerAddress,
            helo: dialogue.clientName, size: message.body.size, traceparent: .start(), summary: message.summary,
            recipients: transaction.recipients)
        switch await service.submit(mail) {
        case .committed: return .accepted(id: id.description)
        case .temporaryFailure: return .temporaryFailure
        case .outboxFull: return .outboxFull
        }
    }

    // MARK: Records

    private mutating func note(
        _ connection: isolated LineConnection, _ outcome: MessageOutcome, _ id: MailID, size: Int, took: Duration
    ) {
        connection.event(.line(.fromClient, .data(size)))
        if case .accepted = outcome {
            accepted += 1
            SMTPMetrics.accepted[role]?.increment()
            SMTPMetrics.acceptedBytes[role]?.increment(by: size)
            SMTPMetrics.acceptance.observe(took)
            service.logger.debug("mail accepted", metadata: [LogKey.mailID: "\(id)", LogKey.bytes: "\(size)"])
        } else {
            service.logger.info(
                "mail refused",
                metadata: [
                    LogKey.session: "\(connection.id)", LogKey.listener: "\(role.rawValue)", LogKey.bytes: "\(size)",
                    LogKey.reason: "\(outcome.reason.rawValue)",
                ])
        }
    }

    /// One record per session; the ordinary ones only when asked for.
    private func log(_ connection: isolated LineConnection, _ reason: SMTPReason) {
        let isOrdinary = refused == 0 && (reason == .quit || reason == .closed || reason == .shutdown)
        service.logger.log(
            level: isOrdinary ? .debug : .info, "session ended",
            metadata: [
                LogKey.session: "\(connection.id)", LogKey.listener: "\(role.rawValue)",
                LogKey.peer: "\(connection.peerAddress)", LogKey.state: "\(dialogue.stateName)",
                LogKey.reason: "\(reason.rawValue)", "accepted": "\(accepted)", LogKey.refused: "\(refused)",
                LogKey.refusal: "\(lastRefusal?.rawValue ?? "none")",
            ])
    }
}

extension MessageOutcome {
    var reason: SMTPReason {
        switch self {
        case .accepted: .quit
        case .bareNewline: .bareNewline
        case .tooLarge: .tooLarge
        case .loop: .loop
        case .temporaryFailure: .storage
        case .outboxFull: .outboxFull
        }
    }
}
