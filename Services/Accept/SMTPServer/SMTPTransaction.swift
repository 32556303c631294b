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
    private var foreign: Set<String> = []
    /// Addresses of ours that forward this mail elsewhere: if it has been through one of them before, it loops.
    package private(set) var forwarders: Set<String> = []

    init(sender: String) { self.sender = sender }

    mutating func add(_ address: String, _ locals: [AccountStore.LocalRecipient]) {
        accepted += 1
        for local in locals where accounts.insert(local.account).inserted {
            recipients.append(AcceptedRecipient(address: address, account: local.account))
        }
    }

    /// A recipient elsewhere, once however often it is named (RFC 5321 4.1.2: domains in any case are the same).
    mutating func add(foreign address: String) {
        accepted += 1
        append(address, via: nil)
    }

    /// An address of ours that forwards; it may have accounts here as well.
    mutating func add(_ address: String, _ locals: [AccountStore.LocalRecipient], forwardedTo targets: [String]) {
        add(address, locals)
        forwarders.insert(address.lowercased())
        for target in targets { append(target, via: address) }
    }

    private mutating func append(_ address: String, via: String?) {
        let domain = address.lastIndex(of: "@") ?? address.startIndex
        guard foreign.insert(address[..<domain] + address[domain...].lowercased()).inserted else { return }
        recipients.append(AcceptedRecipient(address: address, account: nil, via: via))
    }

    /// The recipient, if there is one only: trace fields name nobody to others (RFC 5321 7.6).
    package var onlyRecipient: String? {
        accepted == 1 ? recipients.first.map { $0.via ?? $0.address } : nil
    }
}
