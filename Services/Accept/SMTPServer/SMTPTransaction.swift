import MailCore
package import Storage

/// A mail being given to us: everything between MAIL and the end of DATA (RFC 5321 3.3).
package struct SMTPTransaction: Sendable {
    /// Empty is the null sender.
    package let sender: String
    /// One entry per account, however many addresses led to it.
    package private(set) var recipients: [AcceptedRecipient] = []
    /// RCPT commands answered with 250.
    package private(set) var accepted = 0
    private var accounts: Set<AccountID> = []

    init(sender: String) { self.sender = sender }

    mutating func add(_ address: String, _ locals: [AccountStore.LocalRecipient]) {
        accepted += 1
        for local in locals where accounts.insert(local.account).inserted {
            recipients.append(AcceptedRecipient(address: address, account: local.account))
        }
    }

    /// The recipient, if there is one only: trace fields name nobody to others (RFC 5321 7.6).
    package var onlyRecipient: String? { accepted == 1 ? recipients.first?.address : nil }
}
