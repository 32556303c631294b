import SMTPGrammar
package import Storage

/// MAIL and RCPT (RFC 5321 4.1.1.2, 4.1.1.3).
extension SMTPDialogue {
    mutating func mail(_ path: SMTPPath, _ parameters: MailParameters) -> SMTPAction {
        switch state {
        case .ready: break
        case .fresh: return countJunk(.refuse(SMTPReplies.sayHelloFirst, .sequence))
        case .mail: return countJunk(.refuse(SMTPReplies.nestedMail, .sequence))
        case .authenticating, .checkingPassword, .checkingSender, .resolving, .receiving: return misplaced()
        }
        if role.isSubmission, login == nil {
            return countJunk(.refuse(SMTPReplies.authenticationRequired, .authenticationRequired))
        }
        if let size = parameters.size, size > UInt64(configuration.maximumSize) {
            return countJunk(.refuse(SMTPReplies.tooLarge, .tooLarge))
        }
        switch path {
        case .postmaster:
            return countJunk(.refuse(SMTPReplies.badSenderSyntax, .syntax))
        case .null:
            state = .mail(SMTPTransaction(sender: ""))
            return .reply(SMTPReplies.senderOk)
        case .mailbox(let mailbox):
            let transaction = SMTPTransaction(sender: mailbox.address)
            guard role.isSubmission else {
                state = .mail(transaction)
                return .reply(SMTPReplies.senderOk)
            }
            state = .checkingSender(transaction)
            return .checkSender(mailbox.address)
        }
    }

    /// - Parameter isOwned: the address leads to the account that logged in, and to nobody else; `nil` when the database
    ///   did not answer.
    package mutating func senderChecked(isOwned: Bool?) -> SMTPAction {
        guard case .checkingSender(let transaction) = state else { return misplaced() }
        state = .ready
        guard let isOwned else { return .refuse(SMTPReplies.storageFailure, .storage) }
        guard isOwned else { return countJunk(.refuse(SMTPReplies.senderNotOwned, .senderNotOwned)) }
        state = .mail(transaction)
        return .reply(SMTPReplies.senderOk)
    }

    mutating func recipient(_ path: SMTPPath) -> SMTPAction {
        guard case .mail(let transaction) = state else {
            if case .fresh = state { return countJunk(.refuse(SMTPReplies.sayHelloFirst, .sequence)) }
            return countJunk(.refuse(SMTPReplies.needMail, .sequence))
        }
        guard transaction.accepted < configuration.maximumRecipients,
            transaction.recipients.count < configuration.maximumCopies
        else {
            // RFC 5321 4.5.3.1.10: the client sends to those that were taken and comes again with the rest.
            return .refuse(SMTPReplies.tooManyRecipients, .tooManyRecipients)
        }
        switch path {
        case .null:
            return countJunk(.refuse(SMTPReplies.badRecipientSyntax, .syntax))
        case .mailbox(let mailbox):
            state = .resolving(transaction, given: mailbox)
            return .resolve([mailbox.address])
        case .postmaster:
            // RFC 5321 4.5.1: of this host, of the domain it belongs to, or of the first domain that lives here.
            let host = configuration.hostname
            let parent = host.drop { $0 != "." }.dropFirst()
            let parents = parent.contains(".") ? ["postmaster@\(parent)"] : []
            state = .resolving(transaction, given: SMTPMailbox(localPart: "postmaster", domain: host))
            return .resolve(["postmaster@\(host)"] + parents + [SMTPService.postmaster])
        }
    }

    /// - Parameter resolution: `nil` when the database did not answer.
    package mutating func recipientResolved(_ resolution: AccountStore.Resolution?) -> SMTPAction {
        guard case .resolving(var transaction, let given) = state else { return misplaced() }
        defer { if case .resolving = state { state = .mail(transaction) } }
        switch resolution {
        case .local(let locals):
            transaction.add(given.address, locals)
            return .reply(SMTPReplies.recipientOk)
        case .forwarded(let locals, let targets):
            transaction.add(given.address, locals, forwardedTo: targets)
            return .reply(SMTPReplies.recipientOk)
        case .unknown:
            return badRecipient(SMTPReplies.unknownRecipient, .unknownRecipient, of: transaction)
        case .foreign where mayRelay(to: given):
            transaction.add(foreign: given.address)
            return .reply(SMTPReplies.recipientOk)
        case .foreign:
            return badRecipient(SMTPReplies.relayDenied, .relayDenied, of: transaction)
        case nil:
            return .refuse(SMTPReplies.storageFailure, .storage)
        }
    }

    /// Only for accounts of ours, on the ports where they log in (RFC 5321 3.6.2, RFC 6409); never to an address literal,
    /// which would let anybody choose the host, nor for `<Postmaster>`, who is always here.
    private func mayRelay(to recipient: SMTPMailbox) -> Bool {
        role.isSubmission && login != nil && !recipient.domain.hasPrefix("[")
            && !(recipient.localPart == "postmaster" && recipient.domain == configuration.hostname)
    }

    /// Who names nobody that exists is guessing; a list with dead addresses among good ones is not.
    private mutating func badRecipient(
        _ reply: SMTPReply, _ reason: SMTPReason, of transaction: SMTPTransaction
    ) -> SMTPAction {
        badRecipients += 1
        guard badRecipients >= configuration.maximumBadRecipients, transaction.accepted == 0, login == nil else {
            return .refuse(reply, reason)
        }
        return .close(ending(.badRecipients), .badRecipients)
    }
}
