import MailCore
import MailQueue
import Storage

/// Brings mails to the trainer, no faster than it learns.
struct TrainingRun: Sendable {
    /// Mails stored together, and at most so many bytes of them.
    private static let batch = 64
    private static let batchBytes = 4 << 20
    /// So many lessons of samples may wait before the next ones are read.
    private static let maximumWaiting = 4096
    /// Without any progress for so long, nobody learns.
    private static let patience: Duration = .seconds(60)

    let store: LearnStore
    let labelling: LearnStore.Labelling

    struct Result: Sendable, Encodable {
        /// Mails in the files.
        var read = 0
        /// Of them, those not given before.
        var lessons = 0
        /// Files that hold no mail, or cannot be read to their end.
        var otherFiles = 0
        /// Lessons that have still to be learnt.
        var waiting = 0

        var text: String {
            var text = "\(read) mails read, \(lessons) new lessons"
            if read > lessons { text += " (\(read - lessons) known already)" }
            if otherFiles > 0 { text += ", \(otherFiles) files are no mail or cannot be read" }
            return text + (waiting > 0 ? ", \(waiting) wait for the classifier" : lessons > 0 ? ", all learnt" : "")
        }
    }

    func work(
        _ folder: MailFolder, waits: Bool, hints: HintPublisher?, progress: @Sendable (Result) -> Void
    ) async throws -> Result {
        var result = Result()
        var batch: [[UInt8]] = []
        var bytes = 0
        var last: Int64 = 0
        for path in folder {
            var (count, isBroken) = (0, false)
            if var file = MailFile(path) {
                while let mails = file.next() {
                    for mail in mails {
                        batch.append(mail)
                        bytes += mail.count
                        count += 1
                        guard batch.count >= Self.batch || bytes >= Self.batchBytes else { continue }
                        result.read += batch.count
                        last = try await hand(batch, hints, &result) ?? last
                        (batch, bytes) = ([], 0)
                        progress(result)
                    }
                }
                isBroken = file.isBroken
            }
            if count == 0 || isBroken { result.otherFiles += 1 }
        }
        result.read += batch.count
        last = try await hand(batch, hints, &result) ?? last
        if waits, last > 0 { try await settle(to: 0, upTo: last, &result, progress) }
        return result
    }

    /// - Returns: the newest lesson, if one is new.
    private func hand(_ batch: [[UInt8]], _ hints: HintPublisher?, _ result: inout Result) async throws -> Int64? {
        let added = try await store.add(batch, labelling)
        guard let last = added.last else { return nil }
        result.lessons += added.lessons
        hints?.samplesWait()
        result.waiting = try await store.waitingSamples(upTo: last)
        if result.waiting > Self.maximumWaiting {
            try await settle(to: Self.maximumWaiting / 2, upTo: last, &result) { _ in }
            guard result.waiting <= Self.maximumWaiting else {
                throw Failure.notYet(
                    "no classifyd learns: \(result.waiting) lessons wait; once one runs, start this again")
            }
        }
        return last
    }

    /// Waits until no more than so many lessons wait, or nobody learns.
    private func settle(
        to target: Int, upTo last: Int64, _ result: inout Result, _ progress: @Sendable (Result) -> Void
    ) async throws {
        var lastProgress = ContinuousClock.now
        while true {
            let waiting = try await store.waitingSamples(upTo: last)
            if waiting < result.waiting { lastProgress = .now }
            result.waiting = waiting
            progress(result)
            guard waiting > target, .now - lastProgress < Self.patience else { return }
            // A person waits here, and nothing else does.
            try await Task.sleep(for: .milliseconds(200))
        }
    }
}
