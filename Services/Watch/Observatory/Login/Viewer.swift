package import MailCore
package import Storage

/// Somebody who has logged in.
package struct Viewer: Sendable, Hashable {
    package enum Role: String, Sendable, Codable { case account, admin }

    /// An account's own address, or an admin's name; they never look alike: only an address has an `@`.
    package let name: String
    package let subject: WatchLoginStore.Subject

    package init(name: String, subject: WatchLoginStore.Subject) {
        self.name = name
        self.subject = subject
    }

    package var role: Role {
        switch subject {
        case .account: .account
        case .admin: .admin
        }
    }

    package var isAdmin: Bool { role == .admin }

    /// What may be seen.
    package var scope: WatchScope {
        switch subject {
        case .account(let account): .account(account)
        case .admin: .everything
        }
    }

    package var account: AccountID? {
        guard case .account(let account) = subject else { return nil }
        return account
    }
}
