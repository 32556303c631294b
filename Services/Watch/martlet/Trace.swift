import ArgumentParser
import MailCore
import Storage

struct Trace: OperatorCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows a mail's way through the stages, with times and reasons.",
        discussion: """
            Example:
              martlet trace 0192f3a1
            """)

    @Argument(help: "The mail's id from the 250 reply or its Received line, or the beginning of it (4 digits or more).")
    var mail: String

    @OptionGroup var output: OutputOptions

    func execute() async throws {
        let trace = try await findTrace(mail)
        output.show(trace, text: trace.humanText.trimmedEnd)
    }
}

extension OperatorCommand {
    /// The mail whose id is, or begins with, this.
    func findTrace(_ mail: String) async throws -> MailTrace {
        switch try await MailTraceStore(pool: openPool()).find(mail) {
        case .found(let trace): return trace
        case .none: throw Failure.notFound("no mail begins with \(printable(mail))")
        case .ambiguous(let mails):
            throw Failure.data(
                "several mails begin with \(printable(mail)): " + mails.map(\.description).joined(separator: ", "))
        case .notAnIdentifier: throw Failure.data("'\(printable(mail))' is not a mail id")
        }
    }
}

extension String {
    /// Without the line ends at its end: `print` adds one.
    fileprivate var trimmedEnd: String { String(reversed().drop { $0 == "\n" }.reversed()) }
}
