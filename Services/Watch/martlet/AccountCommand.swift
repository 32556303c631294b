import ArgumentParser
import MailCore
import SASL
import Storage

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct AccountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "account", abstract: "The accounts: who receives, sends and reads mail here.",
        subcommands: [Add.self, AccountImport.self, List.self, Password.self, Disable.self, Enable.self])

    struct Result: Encodable {
        let address: String
        /// Only when it was generated; shown this once.
        var password: String?
        var disabled: Bool?
    }

    struct Add: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Adds an account with its mailboxes.",
            discussion: """
                Without an option the password is generated and printed once. It is kept only as a SCRAM-SHA-256 verifier.

                Example:
                  martlet account add alice@example.org
                  pass show mail/alice | martlet account add alice@example.org --password-stdin
                """)

        @Argument(help: "The address, which is also the login name.")
        var address: String

        @OptionGroup var password: PasswordOptions
        @OptionGroup var output: OutputOptions

        func execute() async throws {
            let store = AccountStore(pool: try openPool())
            let chosen = try password.read(for: address)
            let verifier = Secret(ScramVerifier.make(password: chosen.password.reveal()))
            let added = try await store.addAccounts([.init(address: address, verifier: verifier)])
            show(chosen, added.first ?? address, "added", output)
        }
    }

    struct Password: OperatorCommand {
        static let configuration = CommandConfiguration(
            commandName: "passwd", abstract: "Changes the password of an account.",
            discussion: """
                Without an option the password is generated and printed once.

                Example:
                  martlet account passwd alice@example.org --prompt
                """)

        @Argument(help: "The account's address.")
        var address: String

        @OptionGroup var password: PasswordOptions
        @OptionGroup var output: OutputOptions

        func execute() async throws {
            let store = AccountStore(pool: try openPool())
            let chosen = try password.read(for: address)
            try await store.setVerifier(Secret(ScramVerifier.make(password: chosen.password.reveal())), of: address)
            show(chosen, address.lowercased(), "new password for", output)
        }
    }

    private static func show(_ chosen: ChosenPassword, _ address: String, _ done: String, _ output: OutputOptions) {
        let shown = chosen.isGenerated ? chosen.password.reveal() : nil
        output.show(
            Result(address: address, password: shown),
            text: "\(done) \(printable(address))" + (shown.map { "\npassword: \($0)" } ?? ""))
    }

    struct Disable: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stops an account from logging in and receiving; its mail stays.",
            discussion: """
                Example:
                  martlet account disable alice@example.org
                """)

        @Argument(help: "The account's address.")
        var address: String
        @OptionGroup var output: OutputOptions

        func execute() async throws {
            try await AccountStore(pool: openPool()).setDisabled(true, of: address)
            output.show(Result(address: address.lowercased(), disabled: true), text: "disabled \(printable(address))")
        }
    }

    struct Enable: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets a disabled account work again.",
            discussion: """
                Example:
                  martlet account enable alice@example.org
                """)

        @Argument(help: "The account's address.")
        var address: String
        @OptionGroup var output: OutputOptions

        func execute() async throws {
            try await AccountStore(pool: openPool()).setDisabled(false, of: address)
            output.show(Result(address: address.lowercased(), disabled: false), text: "enabled \(printable(address))")
        }
    }

    struct List: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the accounts in order of their addresses.",
            discussion: """
                Example:
                  martlet account list --limit 100 --after mike@example.org
                """)

        @Option(help: "At most this many.")
        var limit = 100_000

        @Option(help: "Begin after this address.")
        var after = ""

        @OptionGroup var output: OutputOptions

        private struct Row: Encodable {
            let id: Int64
            let address: String
            let disabled: Bool
            let createdAt: String
        }

        func execute() async throws {
            let accounts = try await AccountStore(pool: openPool()).accounts(
                after: after.lowercased(), limit: max(0, limit))
            let rows = accounts.map {
                Row(id: $0.id.value, address: $0.address, disabled: $0.isDisabled, createdAt: moment($0.createdAt))
            }
            output.show(
                rows,
                text: table(
                    ["id", "address", "state", "created"],
                    rows.map { ["\($0.id)", printable($0.address), $0.disabled ? "disabled" : "active", $0.createdAt] })
            )
        }
    }
}

/// ISO 8601 in UTC.
func moment(_ time: Timestamp) -> String {
    Date(timeIntervalSince1970: Double(time.seconds)).formatted(.iso8601)
}
