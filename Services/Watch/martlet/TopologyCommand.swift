import AMQP
import ArgumentParser
import MailQueue

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

struct TopologyCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "topology", abstract: "Prints, declares or checks the exchanges and queues of RabbitMQ.",
        discussion: """
            Without an option it prints definitions for `rabbitmqctl import_definitions`.

            Example:
              martlet topology > definitions.json && rabbitmqctl import_definitions definitions.json
              martlet topology --apply
            """)

    @Flag(name: .long, help: "Print the definitions (the default).")
    var definitions = false

    @Flag(name: .long, help: "Declare exchanges, queues and bindings on the broker of MARTLET_AMQP_URL.")
    var apply = false

    @Flag(name: .long, help: "Only say what is missing on the broker; exit code 67 if anything is.")
    var check = false

    @Flag(name: .long, help: "Add users and permissions; standard input is a JSON object of name and password.")
    var passwordsStdin = false

    @Option(help: "The virtual host the definitions are for.")
    var vhost = "/"

    @OptionGroup var output: OutputOptions

    private struct Result: Encodable {
        var applied: Bool?
        var missing: [String]?
    }

    func validate() throws {
        if [definitions, apply, check].filter({ $0 }).count > 1 {
            throw ValidationError("--definitions, --apply and --check exclude each other.")
        }
    }

    func execute() async throws {
        if apply {
            try await Topology.apply(openBroker(), queueType: queueType())
            return output.show(Result(applied: true), text: "exchanges and queues are declared")
        }
        if check {
            let missing = try await Topology.missing(openBroker(), queueType: queueType())
            output.show(
                Result(missing: missing),
                text: missing.isEmpty ? "complete" : missing.map { "missing: \($0)" }.joined(separator: "\n"))
            if !missing.isEmpty { throw ExitCode(67) }
            return
        }
        // It is JSON already, with --json or without.
        print(Topology.definitions(queueType: try queueType(), vhost: vhost, passwords: try readPasswords()))
    }

    private func readPasswords() throws -> [String: String] {
        guard passwordsStdin else { return [:] }
        var text = ""
        while let line = readLine(strippingNewline: false), text.utf8.count < 65_536 { text += line }
        guard let passwords = try? JSONDecoder().decode([String: String].self, from: Data(text.utf8)) else {
            throw Failure.data("standard input is not a JSON object of name and password")
        }
        return passwords
    }
}
