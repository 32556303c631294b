import Logging
import ServiceKit

/// Tells refused requests in the log, each kind at most once a second: a flood of requests must not become a flood of
/// records.
final class RefusalLog: Sendable {
    private let logger: Logger
    private let limit = RecordLimit<String>()

    init(logger: Logger) { self.logger = logger }

    /// - Parameter reason: the code of an `APIError`: a closed set.
    func note(_ reason: String, peer: String) {
        guard let count = limit.note(reason) else { return }
        logger.info(
            "requests refused",
            metadata: [LogKey.reason: "\(reason)", LogKey.peer: "\(peer)", LogKey.count: "\(count)"])
    }
}
