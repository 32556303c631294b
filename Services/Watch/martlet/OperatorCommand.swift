import AMQP
import ArgumentParser
import Logging
import PostgreSQL
import QueueContracts
import ServiceKit

#if canImport(Glibc)
    import Glibc
#endif

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A command that does something: turns every error into a line and an exit code, and every result into text or JSON.
protocol OperatorCommand: AsyncParsableCommand {
    var output: OutputOptions { get }
    func execute() async throws
}

struct OutputOptions: ParsableArguments {
    @Flag(name: .long, help: "Print one JSON document instead of text; errors too, on standard error.")
    var json = false

    /// Prints the result; `text` is only made when asked for.
    func show(_ result: some Encodable, text: @autoclosure () -> String) {
        print(json ? encoded(result) : text())
    }
}

extension OperatorCommand {
    func run() async throws {
        defer { endWithoutDestructors() }
        do {
            try await execute()
        } catch let exit as ExitCode {
            throw exit
        } catch let error as ValidationError {
            throw error
        } catch {
            let failure = Failure(error)
            let text = output.json ? encoded(failure) : "martlet: \(failure.error)"
            writeToStandardError(Array((text + "\n").utf8))
            throw ExitCode(failure.code)
        }
    }

    /// The schema owner's connections, few: the daemons need theirs.
    func openPool() throws -> PostgresPool {
        let configuration = PostgresConfiguration(
            url: try Settings(program: "martlet").required("postgres.url"), connections: 2, applicationName: "martlet")
        return PostgresPool(
            configuration: configuration, logger: Logger(label: "martlet") { _ in SwiftLogNoOpLogHandler() })
    }

    func openBroker() throws -> AMQPAdmin {
        AMQPAdmin(
            configuration: try AMQPConfiguration(
                url: try Settings(program: "martlet").required("amqp.url"), name: "martlet"))
    }

    func queueType() throws -> QueueType {
        try Settings(program: "martlet").choice("queues.type", default: QueueType.classic)
    }
}

/// A connection's own thread may still be closing it when a command is done: the process ends before the libraries that it
/// uses are torn down under it.
private func endWithoutDestructors() {
    #if canImport(Glibc)
        on_exit(
            { status, _ in
                fflush(nil)
                _exit(status)
            }, nil)
    #endif
}

/// One JSON document; keys sorted, so that output can be compared.
func encoded(_ value: some Encodable) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    // Texts, numbers and lists of them always encode.
    return (try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
}
