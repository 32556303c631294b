import AMQP
import ArgumentParser
import Logging
import MailCore
import MailQueue
import ServiceKit
import Storage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

struct TrainCommand: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Teaches the classifier from labelled mail: a folder, a Maildir, an mbox, a file.",
        discussion: """
            Each mail becomes a lesson; the classifyd that trains learns it and publishes a new version of the model.
            A mail that was given before with the same label is left out, so a run that was broken off is started again
            with the same words. Of each mail the first 64 KiB are read. Files that are no mail are left out.

            Example:
              martlet train --label spam /home/alice/Maildir/.Junk
              martlet train --label ham --category newsletter newsletters.mbox --json
            """)

    enum Label: String, ExpressibleByArgument, CaseIterable { case ham, spam }

    @Argument(help: "A folder of message files (read with its subfolders), a Maildir, an mbox, or one message.")
    var path: String

    @Option(help: "What the mails are: ham or spam.")
    var label: Label

    @Option(help: "The account whose mail it is; without one the lessons are the operator's.")
    var account: String?

    private static let categories = Verdict.Category.allCases.map(\.rawValue).joined(separator: ", ")

    @Option(help: "What kind of wanted mail it is: \(Self.categories).")
    var category: String?

    @Flag(name: .long, help: "Do not wait until the classifier has learnt.")
    var noWait = false

    @OptionGroup var output: OutputOptions

    func execute() async throws {
        guard access(path, R_OK) == 0 else { throw Failure.noInput("cannot read \(printable(path))") }
        let pool = try openPool()
        let run = TrainingRun(store: LearnStore(pool: pool), labelling: try await labelling(AccountStore(pool: pool)))
        let (folder, waits) = (MailFolder(path: path), !noWait)
        let result = try await Self.withHints { hints in
            try await run.work(folder, waits: waits, hints: hints) { Self.show($0) }
        }
        if isatty(2) == 1 { writeToStandardError(Array("\r\u{1B}[K".utf8)) }
        output.show(result, text: result.text)
    }

    private func labelling(_ accounts: AccountStore) async throws -> LearnStore.Labelling {
        var labelling = LearnStore.Labelling(label: label == .ham ? .ham : .spam)
        if let category {
            guard let known = Verdict.Category(rawValue: category) else {
                throw Failure.data("'\(printable(category))' is no category")
            }
            guard label == .ham else { throw Failure.data("only wanted mail has a category") }
            labelling.category = known
        }
        if let account {
            guard let found = try await accounts.credential(for: account) else {
                throw Failure.notFound("\(printable(account)) does not exist")
            }
            labelling.account = found.account
        }
        return labelling
    }

    /// The trainer looks every 30 s; with a broker it is told at once.
    private static func withHints<Result: Sendable>(_ body: @escaping @Sendable (HintPublisher?) async throws -> Result)
        async throws -> Result
    {
        guard Settings().has("amqp.url") else { return try await body(nil) }
        let configuration = try AMQPConfiguration(url: try Settings().required("amqp.url"), name: "martlet")
        let publisher = AMQPPublisher(
            configuration: configuration, logger: Logger(label: "martlet") { _ in SwiftLogNoOpLogHandler() })
        return try await withThrowingTaskGroup(of: Result?.self) { group in
            group.addTask {
                try await publisher.run()
                return nil
            }
            group.addTask { try await body(HintPublisher(publisher: publisher)) }
            while let finished = try await group.next() {
                guard let finished else { continue }
                group.cancelAll()
                return finished
            }
            throw CancellationError()
        }
    }

    /// On a terminal only, on the error stream.
    private static func show(_ progress: TrainingRun.Result) {
        guard isatty(2) == 1 else { return }
        writeToStandardError(Array("\r\u{1B}[K\(progress.text)".utf8))
    }
}
