import ArgumentParser
import MailCore
import Storage

struct QueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue", abstract: "The unfinished work: what waits, what was given up, and another try for it.",
        subcommands: [List.self, Destinations.self, Parked.self, Show.self, Retry.self])

    struct List: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Counts the unfinished work of each stage.",
            discussion: """
                Example:
                  martlet queue list --json
                """)

        @OptionGroup var output: OutputOptions

        func execute() async throws {
            let counts = try await WorkStore(pool: openPool()).counts()
            let rows = counts.map {
                [$0.stage, "\($0.waiting)", "\($0.parked)", $0.oldestSeconds.map { "\(Int($0)) s" } ?? ""]
            }
            output.show(
                counts,
                text: rows.isEmpty ? "no unfinished work" : table(["stage", "waiting", "parked", "oldest"], rows))
        }
    }

    struct Destinations: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the domains that mail waits for, the fullest first, with the reason.",
            discussion: """
                Example:
                  martlet queue destinations --limit 20
                """)

        @Option(help: "At most this many.")
        var limit = 1000

        @OptionGroup var output: OutputOptions

        func execute() async throws {
            let waiting = try await RelayStore(pool: openPool()).destinations(limit: max(0, limit))
            let rows = waiting.map {
                [
                    printable($0.domain), "\($0.copies)", "\($0.connections)", $0.nextAt ?? "now",
                    printable($0.lastReply ?? ""),
                ]
            }
            output.show(
                waiting,
                text: rows.isEmpty
                    ? "no mail waits for other hosts"
                    : table(["domain", "copies", "connections", "next", "reason"], rows))
        }
    }

    struct Parked: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the work that was given up, longest first, with the reasons.",
            discussion: """
                Example:
                  martlet queue parked --limit 20
                """)

        @Option(help: "At most this many.")
        var limit = 1000

        @OptionGroup var output: OutputOptions

        func execute() async throws {
            let parked = try await WorkStore(pool: openPool()).parked(limit: max(0, limit))
            let rows = parked.map {
                [
                    "\($0.mail)", "\($0.recipient)", $0.stage, "\($0.attempts)", "\(Int($0.parkedSeconds)) s",
                    printable($0.lastError ?? ""),
                ]
            }
            output.show(
                parked,
                text: rows.isEmpty
                    ? "nothing is parked" : table(["mail", "recipient", "stage", "attempts", "parked", "reason"], rows))
        }
    }

    struct Show: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows the unfinished work of one mail.",
            discussion: """
                Example:
                  martlet queue show 0192f3a1
                """)

        @Argument(help: "The mail's id, or the beginning of it (4 digits or more).")
        var mail: String

        @OptionGroup var output: OutputOptions

        func execute() async throws {
            let work = try await findTrace(mail).work
            let rows = work.map {
                [
                    $0.stage, "\($0.recipient)", $0.since, "\($0.relay?.tries ?? $0.attempts)", $0.parkedAt ?? "",
                    $0.relay.map { $0.nextAttemptAt ?? "now" } ?? $0.nextHintAt,
                    printable($0.relay?.lastReply ?? $0.lastError ?? $0.relay?.heldBecause ?? ""),
                ]
            }
            output.show(
                work,
                text: rows.isEmpty
                    ? "no unfinished work"
                    : table(["stage", "recipient", "since", "attempts", "parked", "next", "reason"], rows))
        }
    }

    struct Retry: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Has the unfinished work of one mail tried again at once, parked work too.",
            discussion: """
                Example:
                  martlet queue retry 0192f3a1
                """)

        @Argument(help: "The mail's id, or the beginning of it (4 digits or more).")
        var mail: String

        @OptionGroup var output: OutputOptions

        private struct Result: Encodable {
            let mail: String
            let retried: Int
        }

        func execute() async throws {
            let mail = try await findTrace(mail).mail
            let retried = try await WorkStore(pool: openPool()).reissue([mail])
            output.show(
                Result(mail: "\(mail)", retried: retried),
                text: retried == 0 ? "\(mail) has no unfinished work" : "\(mail): \(retried) due now")
        }
    }
}
