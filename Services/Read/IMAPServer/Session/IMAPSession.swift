import IMAPGrammar
package import LineServer
import Logging
import MailCore
import PostgreSQL
import ServiceKit
import Storage

/// One client's dialogue. It lives on the connection's event loop; all its methods run there.
package final class IMAPSession {
    let services: IMAPServices
    var machine = SessionMachine()
    var framer = IMAPCommandFramer(limits: .beforeLogin)
    var out = IMAPResponseWriter()
    var selection: Selection?
    /// Bytes written since the client was last waited for.
    private var unflushed = 0
    /// Commands that no honest client sends, and failed logins.
    private var refused = 0
    private var lastRefusal: IMAPReason?
    private static let flushAfter = 32 * 1024
    /// Who says nothing for so long does not go on reading: what was read ahead is let go.
    private static let readAheadPatience = Duration.seconds(5)

    package init(_ services: IMAPServices) { self.services = services }

    /// What a client hears for whom there is no room.
    package static let greetingWhenFull = Array(
        "* BYE [UNAVAILABLE] Too many connections, try again later\r\n".utf8)

    /// Greeting to goodbye.
    package func run(on connection: isolated LineConnection) async {
        IMAPMetrics.sessions.add(1)
        defer { IMAPMetrics.sessions.add(-1) }
        out.isWatched = SessionTap.isWatched
        out.untagged(.ok, code: .capability(capabilities(connection)), "Martlet ready")
        var ending = IMAPReason.logout
        do {
            while machine.phase != .logout { try await serveOne(connection) }
            if machine.isRefused { ending = .guessing }
            try send(connection)
        } catch {
            let farewell = farewell(to: error)
            ending = farewell.reason
            say(farewell.text, to: connection)
        }
        connection.closeReason = ending.rawValue
        log(connection, ending)
        await deselect()
    }

    // MARK: - One command

    private func serveOne(_ connection: isolated LineConnection) async throws {
        switch try await nextOutcome(connection) {
        case .needMore: break
        case .continuation: out.continuation()
        case .command(let frame): try await serve(frame, connection)
        case .append(let frame, let size, let synchronising):
            try await serveAppend(frame, size: size, synchronising: synchronising, connection)
        case .appendEnd: break
        case .wrong(let error): try refuse(error, connection)
        }
    }

    /// Feeds the framer until it has something to say.
    func nextOutcome(_ connection: isolated LineConnection) async throws -> IMAPCommandFramer.Outcome {
        unflushed += out.count
        try send(connection)
        // A client that pipelines and does not read is made to wait.
        if unflushed > Self.flushAfter {
            try await connection.flush()
            unflushed = 0
        }
        var deadline: ContinuousClock.Instant?
        while true {
            if !connection.hasInput { try await waitForInput(connection, &deadline) }
            let outcome = connection.takeInput { framer.feed($0) }
            if let outcome, outcome != .needMore {
                out.isWatched = SessionTap.isWatched
                return outcome
            }
        }
    }

    /// Between commands a client may be silent for long; inside one it has a deadline for the whole, so that nobody
    /// holds a session open byte by byte.
    private func waitForInput(
        _ connection: isolated LineConnection, _ deadline: inout ContinuousClock.Instant?
    ) async throws {
        let options = services.options
        var timeout = machine.phase == .notAuthenticated ? options.loginTimeout : options.autologout
        if !framer.isAtStart {
            let end = deadline ?? .now + options.commandDeadline
            deadline = end
            timeout = ContinuousClock.now.duration(to: end)
        }
        let end = ContinuousClock.now + timeout
        while true {
            let holds = selection.map { !$0.readAhead.isEmpty } ?? false
            let left = ContinuousClock.now.duration(to: end)
            switch try await connection.waitForInput(timeout: holds ? min(left, Self.readAheadPatience) : left) {
            case .input: return
            case .woken: continue  // meant for an IDLE that is over
            case .timedOut where holds: selection?.readAhead = ReadAhead()
            case .timedOut: throw LineError.timeout
            }
        }
    }

    private func serve(_ frame: IMAPFrame, _ connection: isolated LineConnection) async throws {
        let tagged: IMAPTaggedCommand
        do {
            tagged = try IMAPCommandParser.parse(frame)
        } catch {
            connection.event(.line(.fromClient, .secret(frame.bytes.count)))
            try refuse(error, connection)
            return
        }
        connection.event(.line(.fromClient, RedactedText(tagged, frame)))
        let started = ContinuousClock.now
        guard let completion = try await perform(tagged, connection) else { return }
        if case .idle = tagged.command {} else { IMAPMetrics.commandTime.observe(.now - started) }
        try await complete(tagged, completion, connection)
    }

    /// Reports what changed in the mailbox, then the result.
    func complete(
        _ tagged: IMAPTaggedCommand, _ completion: Completion, _ connection: isolated LineConnection
    ) async throws {
        if machine.phase == .selected { try report(expunges: tagged.command.allowsExpunge) }
        tell(connection, endOfSeries: true)
        out.tagged(tagged.tag, completion.condition, code: completion.code, completion.text)
        tell(connection)
        connection.event(.result("\(completion.condition)".uppercased()))
        (completion.condition == .ok ? IMAPMetrics.commands : IMAPMetrics.refused).increment()
    }

    /// Nil: the command has written its own answer.
    private func perform(
        _ tagged: IMAPTaggedCommand, _ connection: isolated LineConnection
    ) async throws -> Completion? {
        let canStartTLS = connection.listener.tls == .startTLS
        switch machine.received(tagged.command, secure: connection.isSecure, canStartTLS: canStartTLS) {
        case .refuse(let condition, let code, let text):
            note(code == .privacyRequired ? .tlsRequired : .sequence)
            return Completion(condition: condition, code: code, text: text)
        case .run:
            // Who does something else may be away for long.
            if !tagged.command.isReading { selection?.readAhead = ReadAhead() }
            do {
                return try await run(tagged, connection)
            } catch is CommandAnswered {
                return nil
            } catch let error as MailboxError {
                return error.completion
            } catch let error as PostgresError {
                return unavailable(error, tagged.command.name)
            }
        }
    }

    /// The cause is in the log already; the client only learns whether to try again.
    func unavailable(_ error: PostgresError, _ command: String) -> Completion {
        services.logger.warning(
            "command failed", metadata: [LogKey.reason: "\(error.code)", "imap.command": "\(command)"])
        return error.isTemporary
            ? .no("Storage is not available, try again", code: .unavailable)
            : .no("Internal error", code: .serverBug)
    }

    func refuse(_ error: IMAPSyntaxError, _ connection: isolated LineConnection) throws {
        out.refusal(error)
        IMAPMetrics.refused.increment()
        if error.status == .bad { note(.syntax) }
        if error.close {
            connection.lingers = true
            throw SessionEnd.bye("Closing", .lostFraming)
        }
        if machine.receivedNonsense() {
            connection.lingers = true
            throw SessionEnd.bye("Too many invalid commands", .junk)
        }
    }

    // MARK: - Writing

    /// Hands what is written to the connection, which sends it when the client has to be waited for.
    func send(_ connection: isolated LineConnection) throws {
        if !out.isEmpty { connection.write(out.take()) }
        tell(connection, endOfSeries: true)
    }

    /// Long answers go out in pieces, and wait for a slow client.
    func drain(_ connection: isolated LineConnection, above limit: Int = 64 * 1024) async throws {
        guard out.count >= limit else { return }
        connection.write(out.take())
        tell(connection)
        try await connection.flush()
        // A fast client would never make us wait; the loop's other sessions shall not.
        await Task.yield()
    }

    private func say(_ farewell: String?, to connection: isolated LineConnection) {
        if let farewell { out.untagged(.bye, farewell) }
        if !out.isEmpty { connection.write(out.take()) }
        tell(connection, endOfSeries: true)
    }

    private func farewell(to error: any Error) -> (text: String?, reason: IMAPReason) {
        switch error {
        case LineError.timeout: return ("Idle for too long", .timeout)
        case LineError.shuttingDown: return ("Server is going down, come back soon", .shutdown)
        case SessionEnd.bye(let text, let reason): return (text, reason)
        case LineError.closed: return (nil, .closed)
        case SessionEnd.brokenPromise: return silence(.bodyGone)
        case LineError.pipelinedPlaintext: return silence(.plaintextInjection)
        case LineError.tooMuch: return silence(.flood)
        case is LineError: return silence(.tlsFailed)
        default:
            services.logger.error("session failed", metadata: [LogKey.error: "\(type(of: error))"])
            return ("Internal error", .internalFault)
        }
    }

    /// What is written already isn't sent either.
    private func silence(_ reason: IMAPReason) -> (text: String?, reason: IMAPReason) {
        out = IMAPResponseWriter()
        return (nil, reason)
    }

    // MARK: - Records

    /// A refusal that is told when the session ends.
    func note(_ refusal: IMAPReason) {
        refused += 1
        lastRefusal = refusal
    }

    /// One record per session; the ordinary ones only when asked for.
    private func log(_ connection: isolated LineConnection, _ reason: IMAPReason) {
        let isOrdinary = refused == 0 && !reason.isFault && (reason != .timeout || machine.account != nil)
        services.logger.log(
            level: isOrdinary ? .debug : .info, "session ended",
            metadata: [
                LogKey.session: "\(connection.id)", LogKey.listener: "\(connection.listener.role)",
                LogKey.peer: "\(connection.peerAddress)", LogKey.state: "\(machine.phase.rawValue)",
                LogKey.reason: "\(reason.rawValue)", LogKey.refused: "\(refused)",
                LogKey.refusal: "\(lastRefusal?.rawValue ?? "none")",
            ])
    }
}

extension MailboxError {
    var completion: Completion {
        switch self {
        case .noSuchMailbox: .no("No such mailbox", code: .nonExistent)
        case .alreadyExists: .no("Mailbox already exists", code: .alreadyExists)
        case .notAllowed: .no("Not possible with this mailbox", code: .cannot)
        case .noUIDsLeft: .no("The mailbox takes no more messages", code: .limit)
        case .messageGone: .no("Some of the messages no longer exist", code: .expungeIssued)
        }
    }
}
