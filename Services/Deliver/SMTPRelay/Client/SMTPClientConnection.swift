package import DNSResolver
import LineServer
import MailCore
import NIOCore
import NIOPosix
import SMTPGrammar

/// A connection to a remote server that mail is sent over, one transaction after the other. Its executor is the
/// channel's event loop.
///
/// The server is a stranger: what it sends is held in bounded memory, each wait has a deadline that a drip of bytes does
/// not move, and whatever it says a transaction ends with one result for each recipient. Whoever opens it ends it with
/// `quit()`.
package actor SMTPClientConnection {
    package enum TLS: Sendable {
        /// Encrypts when the server offers it, whoever it is (RFC 7435).
        case opportunistic
        case off
    }

    package nonisolated let id: String
    /// The host's name as routing knows it.
    package nonisolated let hostName: String
    package nonisolated let address: IPAddress
    nonisolated let timeouts: ClientTimeouts
    nonisolated let openedAt: Timestamp
    nonisolated let channel: any Channel
    /// One for each loop that connections are on; the task that sends over a connection takes the same.
    static let executors = LoopExecutors(.singleton)
    private nonisolated let executor: LoopExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// TLS protects the connection.
    package internal(set) var isSecure = false
    /// Transactions that this connection has carried.
    package private(set) var transactions = 0
    var offer = SMTPServerOffer()
    /// Why it does not, where the server offers it.
    var missingTLS: String?
    /// By then it must be greeted and encrypted.
    nonisolated let openDeadline: NIODeadline

    // MARK: The wire (SMTPClientConnection+Wire)

    static let empty = ByteBuffer()
    var input = empty
    var parser = SMTPReplyParser()
    var readPaused = false
    var output = empty
    var isClosed = false
    var wireFailure: String?
    var hasHappened = false
    var waiter: UnsafeContinuation<Void, Never>?
    var deadline = NIODeadline.distantFuture
    var timer: NIOScheduledCallback?
    var timerDeadline = NIODeadline.distantFuture
    var bytesIn = 0
    var bytesOut = 0
    var roundTrips = 0
    var closeReason = "closed"

    // MARK: The transaction (SMTPClientConnection+Delivery)

    var content: OutgoingContent?
    private var isBusy = false
    private var isBroken = false
    private var needsReset = false
    private var isFinished = false
    /// Between the final dot and its answer nothing may end the connection but time: it decides about a duplicate.
    var awaitsVerdict = false

    init(
        channel: any Channel, host: String, address: IPAddress, timeouts: ClientTimeouts, openDeadline: NIODeadline
    ) {
        self.openDeadline = openDeadline
        self.channel = channel
        self.hostName = host
        self.address = address
        self.timeouts = timeouts
        self.openedAt = .now()
        self.executor = Self.executors.of(channel.eventLoop)
        self.id = String(UInt64.random(in: .min ... .max), radix: 36)
    }

    /// Another mail can be sent. The server may still close at any moment: then the results say `isHostFault`.
    package var isUsable: Bool { !isClosed && !isBroken && !isBusy && input.readableBytes == 0 }

    /// Sends one mail. Never throws: what went wrong is in the results, which are in the order of the recipients.
    ///
    /// - Parameter beforeFinalDot: called when all but the final dot has been sent; when it throws, the dot is not.
    package func deliver(
        _ mail: OutboundMail, beforeFinalDot: @escaping @Sendable () async throws -> Void
    ) async -> [RecipientResult] {
        var transaction = SMTPTransaction(
            mail, offer: offer, host: hostName, missingTLS: missingTLS, needsReset: needsReset)
        guard isUsable else {
            _ = transaction.lost("The connection is not usable any more", .mail)
            return transaction.results
        }
        isBusy = true
        transactions += 1
        await withTaskCancellationHandler {
            await run(&transaction, mail, beforeFinalDot)
        } onCancel: {
            channel.eventLoop.execute { self.assumeIsolated { $0.cancelled() } }
        }
        needsReset = transaction.needsReset
        isBusy = false
        return transaction.results
    }

    /// Carries out what the transaction says until it is over.
    private func run(
        _ transaction: inout SMTPTransaction, _ mail: OutboundMail, _ beforeFinalDot: @Sendable () async throws -> Void
    ) async {
        let whole = NIODeadline.now() + TimeAmount(timeouts.wholeEnvelope)
        var action = transaction.begin()
        while true {
            switch action {
            case .send(let bytes):
                show(bytes)
                write(bytes)
                action = .read
            case .read: action = await read(&transaction, whole)
            case .sendContent: action = await send(mail, &transaction, beforeFinalDot)
            case .done: return
            case .abandon:
                isBroken = true
                drop("transaction_abandoned")
                return
            }
        }
    }

    private func read(_ transaction: inout SMTPTransaction, _ whole: NIODeadline) async -> SMTPTransaction.Action {
        let expected = transaction.expected ?? .mail
        do {
            let reply = try await readReply(until: deadline(for: expected, whole))
            awaitsVerdict = false
            return transaction.received(reply)
        } catch {
            awaitsVerdict = false
            return transaction.lost(error.text, expected.step)
        }
    }

    private func deadline(for expected: SMTPTransaction.Expected, _ whole: NIODeadline) -> NIODeadline {
        let now = NIODeadline.now()
        return switch expected {
        case .reset, .mail, .recipient: min(whole, now + TimeAmount(timeouts.envelope))
        case .data, .nothing: now + TimeAmount(timeouts.dataInitiation)
        case .end: now + TimeAmount(timeouts.termination)
        }
    }

    private func cancelled() {
        if !awaitsVerdict { drop("cancelled") }
    }

    /// Says goodbye and closes. Safe to call on a connection that is gone.
    package func quit() async {
        if isUsable {
            isBroken = true
            let command = Array("QUIT\r\n".utf8)
            show(command)
            write(command)
            // Its answer changes nothing (RFC 5321 4.1.1.10).
            _ = try? await readReply(until: .now() + TimeAmount(timeouts.quit))
            closeReason = "quit"
        }
        abandon(closeReason)
    }

    /// Closes without a word, and leaves a summary behind.
    func abandon(_ reason: String) {
        isBroken = true
        drop(reason)
        guard !isFinished else { return }
        isFinished = true
        finish()
    }
}
