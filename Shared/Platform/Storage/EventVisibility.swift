import MailCore

/// What of a mail's history somebody may see: the one rule of list, trace and stream.
///
/// Of what others did with their copies an account learns nothing, or Bcc and "this is spam" would be known to all who
/// got the mail. Who submitted it learns that it arrived, but not where: that is the other's filter.
package struct EventVisibility: Sendable {
    /// `nil`: an admin, who sees everything.
    private let account: AccountID?
    /// The numbers of the recipients that are the account's; `nil`: it submitted the mail.
    private let own: Set<Int>?

    package init(_ scope: WatchScope, own: Set<Int>?) {
        switch scope {
        case .everything: account = nil
        case .account(let account): self.account = account
        }
        self.own = own
    }

    /// Whether something of this recipient (0: of the mail as a whole) may be seen.
    package func includes(recipient: Int) -> Bool {
        account == nil || recipient == 0 || own?.contains(recipient) ?? true
    }

    /// The detail of an event as it may be seen; `nil`: nothing of the event may.
    package func detail(
        of event: String, recipient: Int, _ detail: [String: TraceValue]
    ) -> [String: TraceValue]? {
        guard let account else { return detail }
        if let whose = detail["account"] {
            guard whose == .integer(account.value) else { return event == "filed" && own == nil ? [:] : nil }
        } else if recipient == 0 {
            guard Self.ofTheMail.contains(event) || (event == "notified" && own == nil) else { return nil }
        } else {
            guard includes(recipient: recipient) else { return nil }
        }
        return detail.filter { Self.shownDetail.contains($0.key) }
    }

    /// What is said without a recipient and is everybody's. What is new is nobody's until it stands here.
    private static let ofTheMail: Set<String> = ["accepted", "classified", "unclassified", "relabelled", "parked"]

    /// How many recipients there were, or how many copies were moved, would tell of those in Bcc.
    private static let shownDetail: Set<String> = [
        "account", "attempt", "attempts", "category", "expired", "host", "label", "late", "mail", "mailbox", "model",
        "name", "next", "probability", "reason", "reasons", "reply", "stage", "status", "to", "uid", "waited",
    ]
}
