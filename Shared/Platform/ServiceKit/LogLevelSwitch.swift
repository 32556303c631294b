package import Logging
import Synchronization

/// The least level that the process logs. Looked at for every record that may be written, so it is no lock.
package final class LogLevelSwitch: Sendable {
    private let position: Atomic<Int>
    private static let levels = Logger.Level.allCases

    package init(_ level: Logger.Level) { position = Atomic(Self.levels.firstIndex(of: level) ?? 0) }

    package var level: Logger.Level { Self.levels[position.load(ordering: .relaxed)] }

    package func set(_ level: Logger.Level) {
        position.store(Self.levels.firstIndex(of: level) ?? 0, ordering: .relaxed)
    }
}
