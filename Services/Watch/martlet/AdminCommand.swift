import ArgumentParser
import MailCore
import SASL
import ServiceKit
import Storage

struct AdminCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "admin", abstract: "The admins of the live page: who sees all mails and sessions, without bodies.",
        subcommands: [Put.self, List.self, Delete.self])

    struct Result: Encodable {
        let name: String
        /// Only when it was generated; shown this once.
        var password: String?
        var isNew: Bool?
        var createdAt: String?
    }

    struct Put: OperatorCommand {
        static let configuration = CommandConfiguration(
            commandName: "set", abstract: "Adds an admin, or gives one a new password.",
            discussion: """
                Without an option the password is generated and printed once. It is kept only as a SCRAM-SHA-256 verifier.
                A new password ends all logins that the old one began.

                Example:
                  martlet admin set root
                  pass show martlet/admin | martlet admin set root --password-stdin
                """)

        @Argument(help: "Letters, digits, dots and dashes; not an address.")
        var name: String

        @OptionGroup var password: PasswordOptions
        @OptionGroup var output: OutputOptions

        func execute() async throws {
            let name = name.lowercased()
            guard WatchLoginStore.isName(name) else {
                throw Failure.data("'\(printable(name))' is no name for an admin (a-z, 0-9, dots and dashes)")
            }
            let store = WatchLoginStore(pool: try openPool())
            let chosen = try password.read(for: name)
            let verifier = Secret(ScramVerifier.make(password: chosen.password.reveal()))
            let isNew = try await store.setAdmin(name, verifier: verifier)
            let shown = chosen.isGenerated ? chosen.password.reveal() : nil
            output.show(
                Result(name: name, password: shown, isNew: isNew),
                text: "\(isNew ? "added" : "new password for") \(name)" + (shown.map { "\npassword: \($0)" } ?? ""))
        }
    }

    struct List: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the admins.",
            discussion: """
                Example:
                  martlet admin list --json
                """)

        @OptionGroup var output: OutputOptions

        func execute() async throws {
            let admins = try await WatchLoginStore(pool: openPool()).admins().map { admin in
                Result(
                    name: admin.name,
                    createdAt: rfc3339(
                        seconds: Int(admin.createdAt.seconds),
                        milliseconds: Int(admin.createdAt.microseconds % 1_000_000 / 1000)))
            }
            output.show(
                admins,
                text: admins.isEmpty
                    ? "no admins" : table(["name", "since"], admins.map { [$0.name, $0.createdAt ?? ""] }))
        }
    }

    struct Delete: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Removes an admin, and ends the logins.",
            discussion: """
                Example:
                  martlet admin delete root
                """)

        @Argument(help: "The admin's name.")
        var name: String

        @OptionGroup var output: OutputOptions

        func execute() async throws {
            let name = name.lowercased()
            guard try await WatchLoginStore(pool: openPool()).deleteAdmin(name) else {
                throw Failure.notFound("there is no admin \(printable(name))")
            }
            output.show(Result(name: name), text: "deleted \(name)")
        }
    }
}
