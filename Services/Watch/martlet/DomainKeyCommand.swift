import ArgumentParser
import DNSResolver
import Diagnosis
import MailCore
import Storage

struct DomainKeyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "The keys that a domain's outgoing mail is signed with (DKIM).",
        discussion: """
            To change them: `rotate` makes new ones, publish their records, `activate` lets them sign and wipes the old.
            """,
        subcommands: [List.self, Rotate.self, Activate.self])

    struct Row: Encodable {
        let domain: String
        let selector: String
        let algorithm: String
        let state: String
        let createdAt: String
        /// The TXT record of a key that signs or waits.
        var record: PlannedRecord?
    }

    static func rows(_ keys: [DomainKeyStore.Listed]) -> [Row] {
        keys.map { key in
            let planned = DomainKeys.planned([key]).first.map { $0.record(in: key.domain) }
            return Row(
                domain: key.domain, selector: key.selector, algorithm: key.algorithm, state: key.state.rawValue,
                createdAt: moment(key.createdAt), record: planned)
        }
    }

    static func text(_ keys: [DomainKeyStore.Listed]) -> String {
        table(
            ["selector", "algorithm", "state", "created"],
            rows(keys).map { [$0.selector, $0.algorithm, $0.state, $0.createdAt] })
    }

    struct List: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the keys of a domain; never their private halves.",
            discussion: """
                Example:
                  martlet domain key list example.org
                """)

        @Argument(help: "The domain.")
        var domain: String
        @OptionGroup var output: OutputOptions

        func execute() async throws {
            let keys = try await DomainKeyStore(pool: openPool()).keys(of: domain)
            output.show(
                rows(keys),
                text: keys.isEmpty ? "no keys; `martlet domain key rotate \(domain)` makes some" : text(keys))
        }
    }

    struct Rotate: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes new keys, which wait until their records are published.",
            discussion: """
                A domain that has no keys yet signs with them at once.

                Example:
                  martlet domain key rotate example.org
                """)

        @Argument(help: "The domain.")
        var domain: String
        @OptionGroup var output: OutputOptions

        func execute() async throws {
            let store = DomainKeyStore(pool: try openPool())
            let present = try await store.keys(of: domain)
            guard !present.contains(where: { $0.state == .waiting }) else {
                throw Failure.data("new keys wait already; publish their records and run `martlet domain key activate`")
            }
            let isFirst = !present.contains { $0.state == .signing }
            let keys = try await store.add(DomainKeys.make(), to: domain, signing: isFirst)
            let new = DomainKeyCommand.rows(keys.filter { key in !present.contains { $0.selector == key.selector } })
            output.show(
                new,
                text:
                    "publish these records, then run `martlet domain \(isFirst ? "dns" : "key activate") \(domain)`:"
                    + "\n\n"
                    + new.compactMap { $0.record?.zoneLine }.joined(separator: "\n"))
        }
    }

    struct Activate: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets the waiting keys sign, once their records are in the DNS, and wipes the old ones.",
            discussion: """
                Within five minutes all mail is signed with the new keys. Leave the records of the old ones in the DNS
                for another week: mail that they signed is still under way.

                Example:
                  martlet domain key activate example.org
                """)

        @Argument(help: "The domain.")
        var domain: String
        @Flag(name: .long, help: "Without asking the DNS.")
        var force = false
        @OptionGroup var output: OutputOptions

        func execute() async throws {
            let store = DomainKeyStore(pool: try openPool())
            let waiting = try await store.keys(of: domain).filter { $0.state == .waiting }
            guard !waiting.isEmpty else { throw Failure.notFound("no key of \(printable(domain)) waits") }
            if !force {
                let plan = DomainPlan(domain: domain.lowercased(), host: "", keys: DomainKeys.planned(waiting))
                let findings = try await withResolver { await DomainCheck(plan: plan, resolver: $0).checkKeys() }
                guard findings.allSatisfy({ $0.state == .ok }) else {
                    throw Failure.notYet("the records are not in the DNS as they should be\n" + findings.humanText)
                }
            }
            let keys = try await store.activate(waiting.map(\.selector), of: domain)
            output.show(DomainKeyCommand.rows(keys), text: DomainKeyCommand.text(keys))
        }
    }
}
