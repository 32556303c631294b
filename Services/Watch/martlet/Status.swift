import AMQP
import ArgumentParser
import PostgreSQL
import QueueContracts
import ServiceKit
import Storage

struct Status: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what is waiting where, and whether database and broker answer.",
        discussion: """
            Exit code 69 when the database or the broker does not answer.

            Example:
              martlet status --json
            """)

    @OptionGroup var output: OutputOptions

    private struct Queue: Encodable {
        let queue: String
        let messages: Int
        let consumers: Int
    }

    private struct Result: Encodable {
        let totals: OperatorStatus.Totals
        let pendingMigrations: [String]
        let work: [WorkStore.StageCount]
        let programs: [OperatorStatus.Client]
        /// `nil` while the broker does not answer.
        var queues: [Queue]?
        var missing: [String] = []
        /// Why the broker takes no messages.
        var alarm: String?
        var broker: String
    }

    func execute() async throws {
        let pool = try openPool()
        let status = try await OperatorStatus.read(from: pool)
        let pending = try await pool.withConnection { try Migrator.status(on: $0) }.filter { !$0.isApplied }.map(\.name)
        var result = Result(
            totals: status.totals, pendingMigrations: pending, work: try await WorkStore(pool: pool).counts(),
            programs: status.clients, broker: "ok")
        do {
            try await readQueues(into: &result)
        } catch let error as SettingsError {
            result.broker = "not asked: \(error)"
        } catch {
            result.broker = "does not answer: \(error)"
        }
        output.show(result, text: text(of: result))
        if result.queues == nil { throw ExitCode(69) }
    }

    private func readQueues(into result: inout Result) async throws {
        let broker = try openBroker()
        let type = try queueType()
        var queues: [Queue] = []
        for queue in QueueContracts.Queue.allCases {
            let name = type.name(of: queue)
            if let depth = try await broker.depth(ofQueue: name) {
                queues.append(Queue(queue: name, messages: depth.messages, consumers: depth.consumers))
            } else {
                result.missing.append(name)
            }
        }
        result.queues = queues
        do {
            result.alarm = try await broker.alarm(publishing: [], to: "", routingKey: "martlet.nobody")
        } catch {
            result.broker = "ok, but whether it has an alarm is not known: \(error)"
        }
    }

    private func text(of result: Result) -> String {
        let totals = result.totals
        var parts = [
            "PostgreSQL \(totals.serverVersion): \(totals.domains) domains, \(totals.accounts) accounts, "
                + "\(totals.aliases) aliases, \(totals.lastHour) mails in the last hour"
        ]
        if !result.pendingMigrations.isEmpty {
            parts.append("missing migrations: \(result.pendingMigrations.joined(separator: ", "))")
        }
        let work = result.work.map { count in
            [count.stage, "\(count.waiting)", "\(count.parked)", count.oldestSeconds.map { "\(Int($0)) s" } ?? ""]
        }
        parts.append(work.isEmpty ? "no unfinished work" : table(["stage", "waiting", "parked", "oldest"], work))
        if let queues = result.queues {
            let rows = queues.map { [$0.queue, "\($0.messages)", "\($0.consumers)"] }
            parts.append(table(["queue", "hints", "consumers"], rows))
        }
        if !result.missing.isEmpty { parts.append("missing queues: \(result.missing.joined(separator: ", "))") }
        if result.broker != "ok" { parts.append("RabbitMQ \(result.broker)") }
        if let alarm = result.alarm {
            parts.append(
                "RabbitMQ has an alarm (\(printable(alarm))) and takes no messages: mail is accepted and waits. "
                    + "Free memory or disk; see rabbitmq-diagnostics alarms")
        }
        parts.append(
            table(
                ["program", "role", "connections"],
                result.programs.map {
                    [printable($0.program), $0.role + ($0.isSuperuser ? " (superuser)" : ""), "\($0.connections)"]
                }))
        return parts.joined(separator: "\n\n")
    }
}
