import ArgumentParser
import Storage

struct AliasCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alias", abstract: "Addresses that stand for other addresses, here or elsewhere.",
        subcommands: [Add.self, List.self])

    private struct Row: Encodable {
        let address: String
        let target: String
        var added: Bool?
    }

    struct Add: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Adds a target to an alias.",
            discussion: """
                The target is an account or alias of this server, or an address elsewhere, to which mail is then
                forwarded with its sender unchanged; what cannot be delivered there is reported to that sender.
                An account's own address as alias keeps its copy only if it is one of the targets.

                Example:
                  martlet alias add info@example.org alice@example.org
                  martlet alias add info@example.org alice@elsewhere.example
                """)

        @Argument(help: "The address mail is sent to.")
        var address: String
        @Argument(help: "Where it goes.")
        var target: String
        @OptionGroup var output: OutputOptions

        func execute() async throws {
            let added = try await AccountStore(pool: openPool()).addAlias(address, target: target)
            let row = Row(address: address.lowercased(), target: target.lowercased(), added: added)
            output.show(
                row, text: "\(printable(row.address)) -> \(printable(row.target))" + (added ? "" : " was there already")
            )
        }
    }

    struct List: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the aliases.",
            discussion: """
                Example:
                  martlet alias list --json
                """)

        @OptionGroup var output: OutputOptions

        func execute() async throws {
            let rows = try await AccountStore(pool: openPool()).aliases().map {
                Row(address: $0.address, target: $0.target)
            }
            output.show(
                rows, text: table(["address", "target"], rows.map { [printable($0.address), printable($0.target)] }))
        }
    }
}
