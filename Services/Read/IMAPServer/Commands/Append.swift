import IMAPGrammar
import LineServer
import MailCore
import MessageGrammar
import NIOCore
import PostgreSQL
import ServiceKit
import Storage

extension IMAPSession {
    /// APPEND (RFC 3501 6.3.11), whose message is never held whole: up to one chunk in memory, more goes to the
    /// database while it arrives.
    func serveAppend(
        _ frame: IMAPFrame, size: Int, synchronising: Bool, _ connection: isolated LineConnection
    ) async throws {
        var tagged: IMAPTaggedCommand?
        var completion: Completion?
        var syntaxError: IMAPSyntaxError?
        do {
            let parsed = try IMAPCommandParser.parse(frame)
            connection.event(.line(.fromClient, RedactedText(parsed, frame)))
            tagged = parsed
        } catch {
            connection.event(.line(.fromClient, .secret(frame.bytes.count)))
            syntaxError = error
        }
        if let tagged {
            let action = machine.received(tagged.command, secure: connection.isSecure, canStartTLS: false)
            if case .refuse(let condition, let code, let text) = action {
                completion = Completion(condition: condition, code: code, text: text)
            }
        }
        // A small message is taken before the database is asked where it goes.
        if let tagged, completion == nil, size > BodyUpload.chunkSize { completion = await refusal(tagged) }
        if synchronising, completion != nil || syntaxError != nil {
            framer.refuseMessage()
        } else {
            if synchronising { out.continuation("Ready for the message") }
            try send(connection)
            let received = try await receive(size, keep: completion == nil && syntaxError == nil, connection)
            guard try await awaitEnd(connection) else { return }
            if completion == nil, let tagged, case .append(let append) = tagged.command, let account = machine.account {
                completion = try await store(received, append, account, connection)
            }
        }
        if let syntaxError { return try refuse(syntaxError, connection) }
        if let tagged, let completion { try await complete(tagged, completion, connection) }
    }

    /// What a large message would be answered anyway.
    private nonisolated(nonsending) func refusal(_ tagged: IMAPTaggedCommand) async -> Completion? {
        guard case .append(let append) = tagged.command, let account = machine.account else {
            return .bad("Expected APPEND")
        }
        do {
            let record = try await services.mailboxes.find(account, name: append.mailbox.value)
            return record == nil ? failure(MailboxError.noSuchMailbox) : nil
        } catch {
            return failure(error)
        }
    }

    private func failure(_ error: any Error) -> Completion {
        switch error {
        case MailboxError.noSuchMailbox: .no("No such mailbox", code: .tryCreate)
        case let error as MailboxError: error.completion
        case let error as PostgresError: unavailable(error, "APPEND")
        default: .no("Storage is not available, try again", code: .unavailable)
        }
    }

    /// Takes exactly `size` bytes from the connection. A failing database does not stop that: the client is sending.
    private func receive(
        _ size: Int, keep: Bool, _ connection: isolated LineConnection
    ) async throws -> Result<ReceivedMessage, any Error> {
        var message = ReceivedMessage(size: size, isKept: keep)
        var failure: (any Error)?
        var remaining = size
        while remaining > 0 {
            let piece = try await connection.readUpTo(
                min(remaining, 64 * 1024), timeout: services.options.commandDeadline)
            remaining -= piece.readableBytes
            guard failure == nil else { continue }
            do {
                try await message.take(piece, services.appends, connection)
            } catch {
                failure = error
            }
        }
        do {
            if failure == nil { try await message.finish(connection) }
        } catch {
            failure = error
        }
        if let failure { return .failure(failure) }
        return .success(message)
    }

    /// The end of the command's line; false if something else came, which is answered.
    private func awaitEnd(_ connection: isolated LineConnection) async throws -> Bool {
        while true {
            switch try await nextOutcome(connection) {
            case .appendEnd: return true
            case .wrong(let error):
                try refuse(error, connection)
                return false
            case .needMore, .continuation, .command, .append: continue
            }
        }
    }

    private func store(
        _ received: Result<ReceivedMessage, any Error>, _ append: IMAPAppend, _ account: AccountID,
        _ connection: isolated LineConnection
    ) async throws -> Completion {
        do {
            var message = try received.get()
            guard let body = message.body, body.size > 0 else {
                return .no("An empty message cannot be stored", code: .cannot)
            }
            let now = Timestamp.now()
            let appended = try await services.appends.append(
                AppendedMessage(
                    mail: .next(at: now), body: body, flags: NamedFlags(append.flags),
                    internalDate: append.internalDate?.moment ?? now, receivedAt: now, peer: connection.peerAddress,
                    traceparent: .start(), summary: message.summary()),
                to: account, name: append.mailbox.value)
            IMAPMetrics.appended.increment()
            await services.changed([appended.delta])
            guard let uid = appended.delta.changed.first?.uid else { return .ok("APPEND completed") }
            return .ok("APPEND completed", code: .appendUID(uidValidity: appended.uidValidity, uid: uid))
        } catch {
            return failure(error)
        }
    }
}

/// A message on its way in: scanned once as it passes, held up to one chunk.
private struct ReceivedMessage {
    private let isSmall: Bool
    private let isKept: Bool
    private var scanner = MessageScanner()
    private var bytes: [UInt8] = []
    private var upload: BodyUpload?
    private(set) var body: AcceptedBody?

    init(size: Int, isKept: Bool) {
        isSmall = size <= BodyUpload.chunkSize
        self.isKept = isKept
    }

    mutating func take(
        _ piece: ByteBuffer, _ store: AppendStore, _ connection: isolated LineConnection
    ) async throws {
        guard isKept else { return }
        piece.withUnsafeReadableBytes { buffer in
            scanner.feed(buffer)
            bytes.append(contentsOf: buffer)
        }
        guard !isSmall, bytes.count >= BodyUpload.chunkSize else { return }
        try await flush(store, connection)
    }

    private mutating func flush(_ store: AppendStore, _ connection: isolated LineConnection) async throws {
        let piece = bytes
        bytes = []
        var upload = self.upload
        if upload == nil { upload = try await store.upload() }
        try await upload?.append(piece)
        self.upload = upload
    }

    mutating func finish(_ connection: isolated LineConnection) async throws {
        guard isKept else { return }
        if isSmall {
            body = .inline(bytes)
            bytes = []
        } else if var upload {
            try await upload.append(bytes)
            bytes = []
            body = try await upload.finish()
        }
    }

    mutating func summary() -> [UInt8] { scanner.finish().encoded() }
}
