import ArgumentParser
import Storage

struct DomainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "domain", abstract: "The domains whose mail is kept here.", subcommands: [Add.self, List.self])

    struct Add: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Adds a domain.",
            discussion: """
                Example:
                  martlet domain add example.org
                """)

        @Argument(help: "The domain, e.g. example.org.")
        var name: String

        @OptionGroup var output: OutputOptions

        private struct Result: Encodable {
            let domain: String
            let added: Bool
        }

        func execute() async throws {
            let added = try await AccountStore(pool: openPool()).addDomain(name)
            let domain = name.lowercased()
            output.show(
                Result(domain: domain, added: added), text: added ? "added \(domain)" : "\(domain) was there already")
        }
    }

    struct List: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the domains.",
            discussion: """
                Example:
                  martlet domain list --json
                """)

        @OptionGroup var output: OutputOptions

        private struct Row: Encodable {
            let domain: String
            let accounts: Int64
            let createdAt: String
        }

        func execute() async throws {
            let rows = try await AccountStore(pool: openPool()).domains().map {
                Row(domain: $0.name, accounts: $0.accounts, createdAt: moment($0.createdAt))
            }
            output.show(
                rows,
                text: table(
                    ["domain", "accounts", "created"], rows.map { [$0.domain, "\($0.accounts)", $0.createdAt] }))
        }
    }
}
