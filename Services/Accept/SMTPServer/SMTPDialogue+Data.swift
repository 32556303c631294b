import SMTPGrammar

/// DATA (RFC 5321 4.1.1.4).
extension SMTPDialogue {
    mutating func data(isPipelined: Bool) -> SMTPAction {
        guard case .mail(let transaction) = state else {
            return refuseData(SMTPReplies.needMail, isPipelined)
        }
        guard !transaction.recipients.isEmpty else { return refuseData(SMTPReplies.noRecipients, isPipelined) }
        state = .receiving
        return .receive(SMTPReplies.sendData, transaction)
    }

    /// RFC 2920 3.1: DATA ends a pipelined group, so what waits behind a refused one is a body. It must never run as
    /// commands: the session ends.
    private mutating func refuseData(_ reply: SMTPReply, _ isPipelined: Bool) -> SMTPAction {
        isPipelined ? .close(reply, .earlyData) : countJunk(.refuse(reply, .sequence))
    }

    package mutating func messageEnded(_ outcome: MessageOutcome) -> SMTPAction {
        guard case .receiving = state else { return misplaced() }
        state = .ready
        switch outcome {
        case .accepted(let id):
            junk = 0
            badRecipients = 0
            return .reply(SMTPReply(250, "2.0.0", id))
        case .bareNewline: return .refuse(SMTPReplies.bareNewline, .bareNewline)
        case .tooLarge: return .refuse(SMTPReplies.tooLarge, .tooLarge)
        case .loop: return .refuse(SMTPReplies.loop, .loop)
        case .temporaryFailure: return .refuse(SMTPReplies.storageFailure, .storage)
        case .outboxFull: return .refuse(SMTPReplies.outboxFull, .outboxFull)
        }
    }
}
