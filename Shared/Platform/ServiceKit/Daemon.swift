package import Logging
package import ServiceLifecycle
import UnixSignals

#if canImport(Glibc)
    import Glibc
#endif

/// What all daemons do the same way: `--help`, limits, log, services, signals, exit code.
package enum Daemon {
    /// sysexits.h, so that a supervisor and a person can tell the kinds apart.
    private enum ExitCode {
        static let usage: Int32 = 64
        static let privileges: Int32 = 77
        static let settings: Int32 = 78
        static let failure: Int32 = 1
    }

    /// Runs until SIGTERM or SIGINT (graceful: what is under way is finished) or until a service fails.
    ///
    /// `services` reads the settings, makes the resources and lists what runs, dependencies first; shutdown goes in
    /// the opposite order.
    package static func main(
        _ name: String, description: String, help: String = "",
        services: @Sendable (Settings, Logger) async throws -> [any Service]
    ) async -> Never {
        readArguments(name, description: description, help: help)
        ProcessLimits.restartWithRuntimeEnvironment()
        let strangers = KnownVariables.strangers()
        ProcessLimits.apply()
        do {
            let settings = try Settings.load(program: name)
            let logger = try bootstrapLogging(name, settings)
            KnownVariables.warn(of: strangers, logger)
            try refuseRoot(name, settings)
            let running = try await services(settings, logger)
            logger.notice("started", metadata: [LogKey.version: "\(Version.current)", LogKey.pid: "\(getpid())"])
            try await group(running + [SettingsReloader(settings: settings, logger: logger)], logger).run()
            logger.notice("stopped")
            exit(0)
        } catch let error as SettingsError {
            end(name, "\(error)", ExitCode.settings)
        } catch let error as SettingsFileError {
            end(name, error.problems.map(\.description).joined(separator: "; "), ExitCode.settings)
        } catch let error as PrivilegeError {
            end(name, error.text, ExitCode.privileges)
        } catch {
            end(name, "cannot go on: \(error)", ExitCode.failure)
        }
    }

    private struct PrivilegeError: Error { let text: String }

    private static func readArguments(_ name: String, description: String, help: String) {
        let arguments = CommandLine.arguments.dropFirst()
        guard let first = arguments.first else { return }
        switch first {
        case "--help", "-h":
            print(helpText(name, description: description, help: help), terminator: "")
            exit(0)
        case "--version":
            print("martlet-\(name) \(Version.current)")
            exit(0)
        default:
            end(
                name, "does not know '\(first)'; it takes settings from the environment and a file, see --help",
                ExitCode.usage)
        }
    }

    package static func helpText(_ name: String, description: String, help: String) -> String {
        var text = "martlet-\(name): \(description)\n\n"
        if !help.isEmpty { text += help + "\n\n" }
        text += "Settings (environment variables; NAME_FILE names a file that holds the value):\n\n"
        text += SettingKey.table(SettingsRegistry.program(name)?.keys ?? SettingKey.process)
        text += """

            They may also stand in a YAML file, as `martlet config keys` shows: MARTLET_CONFIG names it, otherwise it is
            \(SettingsFile.defaultPath) if that exists. The environment wins over the file.
            SIGHUP reads the file again; what is marked (live) changes at once, the rest with the next start.
            SIGTERM and SIGINT end it gracefully. It writes its log to standard error.

            """
        return text
    }

    private static func refuseRoot(_ name: String, _ settings: Settings) throws {
        guard geteuid() == 0, try !settings.bool("allow_root", default: false) else { return }
        throw PrivilegeError(
            text: "refuses to run as root; start it as an ordinary user, or set MARTLET_ALLOW_ROOT=1 to accept the risk"
        )
    }

    /// Standard error, by the settings `log.level` and `log.format`.
    package static func bootstrapLogging(_ name: String, _ settings: Settings) throws -> Logger {
        // The declaration allows the names of levels only.
        let read = { @Sendable (settings: Settings) in Logger.Level(rawValue: try settings.choice("log.level")) ?? .info
        }
        let level = LogLevelSwitch(try read(settings))
        settings.onReload { settings in
            let new = try read(settings)
            return { level.set(new) }
        }
        let format = try settings.choice("log.format", default: LineLogHandler.Format.text)
        LoggingSystem.bootstrap { label in LineLogHandler(label: label, following: level, format: format) }
        return Logger(label: name)
    }

    private static func group(_ services: [any Service], _ logger: Logger) -> ServiceGroup {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)  // the group tells every service's start at info
        var configuration = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
        // LineServer drains for 30 s; after this the tasks are cancelled and the process ends all the same.
        configuration.maximumGracefulShutdownDuration = .seconds(40)
        configuration.maximumCancellationDuration = .seconds(10)
        return ServiceGroup(configuration: configuration)
    }

    private static func end(_ name: String, _ text: String, _ code: Int32) -> Never {
        let shown = text.unicodeScalars.map { $0.value < 32 || $0.value == 127 ? "?" : String($0) }.joined()
        writeToStandardError(Array("martlet-\(name): \(shown)\n".utf8))
        exit(code)
    }
}
