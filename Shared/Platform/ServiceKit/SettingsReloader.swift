package import Logging
import ServiceLifecycle
import UnixSignals

/// Reads the file again on SIGHUP. What is wrong anywhere in it leaves everything as it was.
package struct SettingsReloader: Service {
    private let settings: Settings
    private let logger: Logger
    private let readFile: @Sendable () throws(SettingsFileError) -> SettingsFile?

    private static let done = Metric.Counter(
        "mail_settings_reloads_total", help: "Reloads of the settings.", labels: ["outcome": "done"])
    private static let refused = Metric.Counter(
        "mail_settings_reloads_total", help: "Reloads of the settings.", labels: ["outcome": "refused"])

    package init(
        settings: Settings, logger: Logger,
        readFile: @escaping @Sendable () throws(SettingsFileError) -> SettingsFile? = SettingsFile.ofProcess
    ) {
        self.settings = settings
        self.logger = logger
        self.readFile = readFile
    }

    package func run() async throws {
        var history = History(start: settings)
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            reload(&history)
        }
    }

    /// What was in use when, by key.
    package struct History: Sendable {
        private let start: [String: String]
        private var last: [String: String]

        package init(start: Settings) {
            self.start = start.texts()
            self.last = self.start
        }

        /// Keys whose new value is in use from now on, and keys whose new value waits for a restart.
        mutating func changed(to settings: Settings) -> (live: [String], waiting: [String]) {
            let new = settings.texts()
            let keys = settings.declarations
            let live = keys.filter { $0.isLive && new[$0.key] != last[$0.key] }.map(\.key)
            let waiting = keys.filter { !$0.isLive && new[$0.key] != start[$0.key] }.map(\.key)
            last = new
            return (live, waiting)
        }
    }

    package func reload(_ history: inout History) {
        do {
            let new = settings.with(file: try readFile())
            let problems = new.problems()
            guard problems.isEmpty else { throw SettingsFileError(problems: problems) }
            try settings.reloads.apply(new)
            Self.done.increment()
            let (live, waiting) = history.changed(to: new)
            logger.notice("settings reloaded", metadata: ["changed": "\(live.joined(separator: ","))"])
            guard !waiting.isEmpty else { return }
            logger.warning(
                "changed settings wait for a restart",
                metadata: [LogKey.reason: "restart_needed", "waiting": "\(waiting.joined(separator: ","))"])
        } catch {
            Self.refused.increment()
            logger.error(
                "settings not reloaded, the old ones stay",
                metadata: [LogKey.reason: "settings_refused", LogKey.error: "\(error)"])
        }
    }
}

extension Settings {
    /// What the program reads; for settings of no program, everything.
    package var declarations: [SettingKey] {
        guard let program, let found = SettingsRegistry.program(program) else {
            return SettingsRegistry.programs.flatMap(\.keys)
        }
        return found.keys
    }

    /// The set values of the program's keys.
    func texts() -> [String: String] {
        var texts: [String: String] = [:]
        for key in declarations { texts[key.key] = ((try? find(key.key)) ?? nil)?.text }
        return texts
    }

    /// Values that their declarations do not allow, and files of values that cannot be read.
    package func problems() -> [SettingsError] {
        declarations.compactMap { key in
            do throws(SettingsError) {
                guard let found = try find(key.key) else { return nil }
                return key.problem(with: found.text, at: found.place)
            } catch {
                return error
            }
        }
    }
}
