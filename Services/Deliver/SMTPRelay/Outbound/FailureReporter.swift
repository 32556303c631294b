import MailCore
import MessageGrammar
package import Storage

/// Makes the notification of a failure: a mail from nobody to the sender of the old one (RFC 3464, RFC 5321 4.5.5, 6.1).
package struct FailureReporter: Sendable {
    /// How this host calls itself.
    private let host: String

    package init(host: String) { self.host = host }

    /// Its recipients are found by whoever commits it.
    package func notification(of undelivered: UndeliveredMail) -> AcceptedMail {
        let id = MailID.next()
        let now = Timestamp.now()
        let body = DeliveryStatusNotification(
            id: id.description, host: host, from: "MAILER-DAEMON@\(domain(of: undelivered))", to: undelivered.sender,
            date: now, arrived: undelivered.receivedAt, recipients: recipients(of: undelivered),
            original: undelivered.beginning
        ).encoded()
        var scanner = MessageScanner()
        body.withUnsafeBytes { scanner.feed($0) }
        return AcceptedMail(
            id: id, body: .inline(body), receivedAt: now, origin: .dsn, envelopeFrom: "", submitter: nil, peer: "",
            helo: host, size: body.count, traceparent: undelivered.traceparent.child(),
            summary: scanner.finish().encoded(), recipients: [])
    }

    /// One of ours, whose key can sign it: the domain that forwarded, or the one of the account that sent.
    private func domain(of undelivered: UndeliveredMail) -> String {
        let ours = undelivered.copies.lazy.compactMap(\.via).first ?? undelivered.sender
        return ours.lastIndex(of: "@").map { String(ours[ours.index(after: $0)...]) } ?? host
    }

    /// Where an address of ours forwards to is its owner's affair, and the words of the other host would tell: to a
    /// stranger the address stands for all its targets (RFC 3464 4.2).
    private func recipients(of undelivered: UndeliveredMail) -> [DeliveryStatusNotification.Recipient] {
        var named: Set<String> = []
        return undelivered.copies.compactMap { copy in
            let answer = copy.answer
            guard undelivered.isFromOutside, let via = copy.via else {
                return DeliveryStatusNotification.Recipient(
                    address: copy.address, original: copy.via, status: answer.status, code: answer.code,
                    reply: answer.text, host: answer.host, lastAttempt: answer.at, isExpired: copy.isExpired)
            }
            guard named.insert(via).inserted else { return nil }
            return DeliveryStatusNotification.Recipient(
                address: via, original: nil, status: answer.status, code: 0,
                reply: "It could not be passed on to where this address forwards to", host: "",
                lastAttempt: answer.at, isExpired: copy.isExpired)
        }
    }
}
