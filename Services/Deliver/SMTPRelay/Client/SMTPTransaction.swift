import LineServer
import SMTPGrammar

/// One mail transaction as a client (RFC 5321 3.3): which command comes next, and what each reply means for whom.
///
/// Knows no socket: events in, actions out. Whatever the server says, each recipient has exactly one result at the end.
struct SMTPTransaction {
    enum Action: Equatable {
        case send([UInt8])
        /// Wait for the reply to `expected`.
        case read
        /// The server waits for the content (354).
        case sendContent
        /// Over; the connection can carry another.
        case done
        /// Over; the connection can't be used any more.
        case abandon
    }

    /// What a reply that is still to come answers.
    enum Expected: Equatable {
        case reset
        case mail
        case recipient(Int)
        case data
        /// The content's end.
        case end
        /// The lone dot of a mail without recipients (RFC 2920 3.1).
        case nothing

        var step: RelayReply.Step {
            switch self {
            case .reset, .mail: .mail
            case .recipient: .recipient
            case .data, .nothing: .data
            case .end: .end
            }
        }
    }

    private let mail: OutboundMail
    private let offer: SMTPServerOffer
    private let host: String
    /// Why the connection is in the clear although the server offers TLS.
    private let missingTLS: String?
    private var waiting: [(expected: Expected, command: [UInt8])] = []
    /// Answers that are due, first one first.
    private var due: [Expected] = []
    private var outcomes: [RecipientResult?]
    private var accepted: [Int] = []
    private var mailAccepted = false
    private var endSent = false
    /// RSET is due before another mail.
    private(set) var needsReset = false

    init(
        _ mail: OutboundMail, offer: SMTPServerOffer, host: String, missingTLS: String? = nil, needsReset: Bool
    ) {
        self.mail = mail
        self.offer = offer
        self.host = host
        self.missingTLS = missingTLS
        self.needsReset = needsReset
        self.outcomes = Array(repeating: nil, count: mail.recipients.count)
    }

    /// What the next reply answers.
    var expected: Expected? { due.first }

    /// In the order of the mail's recipients.
    var results: [RecipientResult] {
        outcomes.map { $0 ?? .deferred(ours("4.3.0", "The transaction was not finished", .mail)) }
    }

    // MARK: - Events

    mutating func begin() -> Action {
        if let reply = unsendable {
            settleAll(.failed(reply))
            return .done
        }
        let from = SMTPClientCommand.mail(
            from: mail.sender, size: offer.size ? mail.size : nil, eightBit: mail.isEightBit && offer.eightBitMIME)
        guard let from = from.bytes else {
            settleAll(.failed(ours("5.1.7", "The sender's address can't be sent", .mail)))
            return .done
        }
        if needsReset { queue(.reset, .reset) }
        waiting.append((.mail, from))
        for (index, recipient) in mail.recipients.enumerated() {
            guard let command = SMTPClientCommand.recipient(recipient).bytes else {
                outcomes[index] = .failed(ours("5.1.3", "The recipient's address can't be sent", .recipient))
                continue
            }
            waiting.append((.recipient(index), command))
        }
        guard outcomes.contains(where: { $0 == nil }) else { return .done }
        queue(.data, .data)
        needsReset = false
        return next()
    }

    /// The reply that was due.
    mutating func received(_ reply: SMTPRemoteReply) -> Action {
        guard !due.isEmpty else { return fault("The server answered what was not asked", .mail) }
        let expected = due.removeFirst()
        // 421 at any time: the server closes the connection (RFC 5321 3.8).
        if reply.code == 421 { return hostFault(reply, expected.step) }
        switch expected {
        case .reset: return reply.isPositive ? next() : fault("RSET was refused", .mail)
        case .mail: return answeredMail(reply)
        case .recipient(let index): return answeredRecipient(index, reply)
        case .data: return answeredData(reply)
        case .end: return answeredEnd(reply)
        case .nothing: return .done
        }
    }

    /// A reply while the content is being sent: only a refusal can be meant by it.
    mutating func interrupted(by reply: SMTPRemoteReply) -> Action {
        if reply.code == 421 { return hostFault(reply, .content) }
        guard reply.isTransient || reply.isPermanent else {
            return fault("The server answered before the mail was sent", .content)
        }
        settleAll(outcome(reply, .content))
        return .abandon
    }

    /// The content and its final dot are on their way.
    mutating func sentContent() -> Action {
        endSent = true
        due = [.end]
        return .read
    }

    /// The connection is gone, or the server was silent for too long.
    mutating func lost(_ reason: String, _ step: RelayReply.Step) -> Action {
        let reply = RelayReply(
            status: "4.4.2", reason, host: host, step: step, isOutcomeUnknown: endSent, isHostFault: !endSent)
        settleAll(.deferred(reply))
        return .abandon
    }

    /// We can't or may not finish: nothing was sent that the server could take for a whole mail.
    mutating func gaveUp(_ result: RecipientResult) -> Action {
        settleAll(result)
        return .abandon
    }

    // MARK: - Replies

    private mutating func answeredMail(_ reply: SMTPRemoteReply) -> Action {
        guard !reply.isIntermediate else { return fault("The server answered MAIL with \(reply.code)", .mail) }
        mailAccepted = reply.isPositive
        if !mailAccepted {
            // A full disk is this host's alone, another may take the mail now (RFC 3463 3.4: X.3, mail system status);
            // any other refusal may be about this sender.
            let isSystem = reply.writtenStatus?.hasPrefix("4.3.") ?? false
            settleAll(wantsTLS(reply, .mail) ?? outcome(reply, .mail, isHostFault: isSystem))
        }
        return next()
    }

    private mutating func answeredRecipient(_ index: Int, _ reply: SMTPRemoteReply) -> Action {
        guard !reply.isIntermediate else { return fault("The server answered RCPT with \(reply.code)", .recipient) }
        guard mailAccepted, outcomes[index] == nil else { return next() }
        if reply.isPositive {
            accepted.append(index)
        } else if Self.isTooManyRecipients(reply) {
            outcomes[index] = .deferred(theirs(reply, .recipient))
        } else {
            outcomes[index] = wantsTLS(reply, .recipient) ?? outcome(reply, .recipient)
        }
        return next()
    }

    private mutating func answeredData(_ reply: SMTPRemoteReply) -> Action {
        if reply.isIntermediate {
            if !accepted.isEmpty { return .sendContent }
            due = [.nothing]
            return .send(Array(".\r\n".utf8))
        }
        guard !reply.isPositive else { return fault("The server answered DATA with \(reply.code)", .data) }
        settleAll(wantsTLS(reply, .data) ?? outcome(reply, .data))
        needsReset = true
        return .done
    }

    private mutating func answeredEnd(_ reply: SMTPRemoteReply) -> Action {
        guard !reply.isIntermediate else {
            return lost("The server answered the mail with \(reply.code)", .end)
        }
        settleAll(reply.isPositive ? .delivered(theirs(reply, .end)) : outcome(reply, .end))
        return .done
    }

    /// A refusal for security's sake (RFC 3207 4: 530; RFC 3463 3.8: X.7) of a mail in the clear, where TLS is offered
    /// and could not be had: that is this host's trouble and may be over the next time, not the domain's word.
    private func wantsTLS(_ reply: SMTPRemoteReply, _ step: RelayReply.Step) -> RecipientResult? {
        guard let missingTLS, reply.isPermanent,
            reply.code == 530 || reply.writtenStatus?.hasPrefix("5.7.") ?? false
        else { return nil }
        let said = RedactedText(line: reply.text)
        let text = "\(missingTLS); without TLS the server says: \(reply.code) \(said)"
        return .deferred(RelayReply(status: "4.7.5", text, host: host, step: step, isHostFault: true))
    }

    /// RFC 5321 4.5.3.1.10: 552 to RCPT means too many recipients, to be tried again; unless the server says otherwise.
    private static func isTooManyRecipients(_ reply: SMTPRemoteReply) -> Bool {
        reply.code == 552 && (reply.writtenStatus ?? "5.5.3") == "5.5.3"
    }

    // MARK: - Commands

    private mutating func queue(_ expected: Expected, _ command: SMTPClientCommand) {
        if let bytes = command.bytes { waiting.append((expected, bytes)) }
    }

    /// All that is left at once where the server takes it (RFC 2920 3.1), otherwise one command at a time.
    private mutating func next() -> Action {
        guard due.isEmpty else { return .read }
        guard let first = waiting.first else { return .done }
        if offer.pipelining {
            let bytes = waiting.flatMap(\.command)
            due = waiting.map(\.expected)
            waiting = []
            return .send(bytes)
        }
        // Nobody is left to send to: no DATA, no further RCPT.
        if first.expected != .reset, first.expected != .mail, !mailAccepted { return .done }
        if first.expected == .data, accepted.isEmpty {
            needsReset = true
            return .done
        }
        waiting.removeFirst()
        due = [first.expected]
        return .send(first.command)
    }

    // MARK: - Results

    /// Why this server can't take this mail at all; another host of the domain may.
    private var unsendable: RelayReply? {
        if let maximum = offer.maximumSize, mail.size > maximum {
            return lack("5.3.4", "The mail has \(mail.size) bytes, the server takes \(maximum)")
        }
        // RFC 6152 3: 8-bit content may not be sent, and changing it would break its signatures.
        if mail.isEightBit, !offer.eightBitMIME {
            return lack("5.6.3", "The mail has 8-bit content and the server takes only 7-bit (no 8BITMIME)")
        }
        return nil
    }

    private func lack(_ status: String, _ text: String) -> RelayReply {
        RelayReply(status: status, text, host: host, step: .mail, isHostLimit: true)
    }

    private mutating func settleAll(_ result: RecipientResult) {
        for index in outcomes.indices where outcomes[index] == nil { outcomes[index] = result }
    }

    private func outcome(
        _ reply: SMTPRemoteReply, _ step: RelayReply.Step, isHostFault: Bool = false
    ) -> RecipientResult {
        let reply = (theirs(reply, step, isHostFault: isHostFault), reply.isPermanent)
        return reply.1 ? .failed(reply.0) : .deferred(reply.0)
    }

    private mutating func hostFault(_ reply: SMTPRemoteReply, _ step: RelayReply.Step) -> Action {
        settleAll(.deferred(theirs(reply, step, isHostFault: true)))
        return .abandon
    }

    /// What the server says makes no sense: the connection is given up, the mail waits.
    private mutating func fault(_ text: String, _ step: RelayReply.Step) -> Action {
        settleAll(.deferred(RelayReply(status: "4.5.0", text, host: host, step: step, isHostFault: true)))
        return .abandon
    }

    private func theirs(_ reply: SMTPRemoteReply, _ step: RelayReply.Step, isHostFault: Bool = false) -> RelayReply {
        RelayReply(reply, host: host, step: step, isHostFault: isHostFault)
    }

    private func ours(_ status: String, _ text: String, _ step: RelayReply.Step) -> RelayReply {
        RelayReply(status: status, text, host: host, step: step)
    }
}

extension RelayReply {
    init(_ reply: SMTPRemoteReply, host: String, step: Step, isHostFault: Bool = false) {
        self.init(
            code: reply.code, status: reply.status, text: RedactedText(line: reply.text), host: host, step: step,
            isHostFault: isHostFault)
    }
}
