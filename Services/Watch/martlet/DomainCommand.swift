import ArgumentParser
import Diagnosis
import MailCore
import Storage

struct DomainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "domain", abstract: "The domains whose mail is kept here, their signing keys and DNS records.",
        subcommands: [Add.self, List.self, DomainDNS.self, DomainKeyCommand.self])

    struct Add: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Adds a domain, makes its signing keys and prints the DNS records to publish.",
            discussion: """
                Outgoing mail is signed from now on; until the keys are in the DNS it counts as unsigned. For a domain
                that is there already, only missing keys are made.

                Example:
                  martlet domain add example.org --host mail.example.org --address 203.0.113.25
                """)

        @Argument(help: "The domain, e.g. example.org.")
        var name: String

        @OptionGroup var server: ServerOptions
        @OptionGroup var output: OutputOptions

        private struct Result: Encodable {
            let domain: String
            let added: Bool
            let records: [PlannedRecord]
        }

        func validate() throws { try server.check() }

        func execute() async throws {
            let domain = name.lowercased()
            let pool = try openPool()
            let added = try await AccountStore(pool: pool).addDomain(domain)
            let store = DomainKeyStore(pool: pool)
            var keys = try await store.keys(of: domain)
            if !keys.contains(where: { $0.state != .retired }) {
                keys = try await store.add(DomainKeys.make(), to: domain, signing: true, onlyFirst: true)
            }
            let plan = server.plan(domain, keys: keys)
            output.show(
                Result(domain: domain, added: added, records: plan.records),
                text: (added ? "added \(domain)" : "\(domain) was there already")
                    + "; publish these DNS records, then check them with `martlet domain dns \(domain)`:\n\n"
                    + plan.humanText)
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
