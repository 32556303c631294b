import ArgumentParser
import ServiceKit

#if canImport(Glibc)
    import Glibc
#endif

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "The settings: what there is, what is in use, what is wrong.",
        subcommands: [Check.self, Show.self, Keys.self])

    /// The file to look at, and for whom.
    struct Options: ParsableArguments {
        @Option(
            name: .long, help: "The file; default: MARTLET_CONFIG, else \(SettingsFile.defaultPath) if it exists.",
            completion: .file(extensions: ["yaml", "yml"]))
        var file: String?

        @Option(
            name: .long, help: "Only what this program reads (smtpd, accessd, ...).",
            completion: .list(SettingsRegistry.programs.map(\.name)))
        var daemon: String?

        func validate() throws {
            guard let daemon, SettingsRegistry.program(daemon) == nil else { return }
            let known = SettingsRegistry.programs.map(\.name).joined(separator: ", ")
            throw ValidationError("There is no program '\(printable(daemon))'; there are \(known).")
        }

        func read() throws -> SettingsFile? {
            if let file { return try SettingsFile(contentsOf: file) }
            return try SettingsFile.ofProcess()
        }

        var programs: [SettingsRegistry.Program] {
            SettingsRegistry.programs.filter { daemon == nil || daemon == $0.name }
        }
    }

    struct Check: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Says what is wrong with the file and the environment.",
            discussion: """
                Looks at the settings of all programs, or of one; for one, required settings that are missing are wrong,
                too. Exit code 78 if anything is wrong.

                Example:
                  martlet config check --file /etc/martlet/martlet.yaml
                  martlet config check --daemon smtpd
                """)

        @OptionGroup var options: Options
        @OptionGroup var output: OutputOptions

        private struct Result: Encodable {
            var file: String?
            var settings = 0
            var problems: [String] = []
            var warnings: [String] = []
        }

        func execute() async throws {
            var result = Result()
            switch attempt() {
            case .success(let file):
                result.file = file?.path
                result.settings = file?.entries.count ?? 0
                result.problems = problems(file)
            case .failure(let error):
                result.problems = (error as? SettingsFileError)?.problems.map(\.description) ?? ["\(error)"]
            }
            result.warnings = KnownVariables.strangers().map { name in
                "\(name) is no setting" + (KnownVariables.nearest(to: name).map { "; did you mean \($0)?" } ?? "")
            }
            output.show(result, text: text(result))
            if !result.problems.isEmpty { throw ExitCode(78) }
        }

        private func attempt() -> Swift.Result<SettingsFile?, any Error> { .init { try options.read() } }

        private func problems(_ file: SettingsFile?) -> [String] {
            var all: [String] = []
            for program in options.programs {
                let settings = Settings(program: program.name, file: file)
                var found = settings.problems().map(\.description)
                if options.daemon != nil {
                    found += program.keys.filter { $0.isRequired && !settings.has($0.key) }.map {
                        "\($0.key) (\($0.variable)) is not set; \(program.name) needs it: \($0.meaning)"
                    }
                }
                // Two programs tell the same of one line.
                for problem in found where !all.contains(problem) { all.append(problem) }
            }
            return all
        }

        private func text(_ result: Result) -> String {
            let lines = (result.problems + result.warnings.map { "warning: \($0)" }).map(printable)
            if !result.problems.isEmpty { return lines.joined(separator: "\n") }
            let file = result.file.map { "\($0): \(result.settings) settings, all right" } ?? "no file; all right"
            return (lines + [file]).joined(separator: "\n")
        }
    }

    struct Show: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows the settings in use and where each comes from; secrets stay hidden.",
            discussion: """
                The environment is that of this command: run it as the daemon is run to see what the daemon sees.

                Example:
                  martlet config show --daemon accessd
                  martlet config show --set --json
                """)

        @Flag(name: .long, help: "Only what is set, no defaults.")
        var set = false

        @OptionGroup var options: Options
        @OptionGroup var output: OutputOptions

        private struct Row: Encodable {
            let program: String
            let key: String
            let value: String
            let from: String
        }

        func execute() async throws {
            let file = try options.read()
            let rows = try options.daemon == nil ? general(file) : options.programs.flatMap { try self.rows($0, file) }
            output.show(
                rows,
                text: table(
                    ["program", "setting", "value", "from"],
                    rows.map { [$0.program, $0.key, printable($0.value), printable($0.from)] }))
        }

        /// What holds for all, then what single programs have differently.
        private func general(_ file: SettingsFile?) throws -> [Row] {
            let all = Settings(program: nil, file: file)
            let common = try ConfigurationGuide.keys.compactMap { try row("all", $0, all) }
            let sections = Set((file?.entries ?? []).compactMap(\.section))
            let own = try SettingsRegistry.programs.filter { sections.contains($0.name) }.flatMap { program in
                let settings = Settings(program: program.name, file: file)
                return try program.keys.filter { key in
                    let names = [key.key, key.key + "_file"]
                    return names.contains { file?.entry($0, section: program.name) != nil }
                }.compactMap { try row(program.name, $0, settings) }
            }
            return common + own
        }

        private func rows(_ program: SettingsRegistry.Program, _ file: SettingsFile?) throws -> [Row] {
            let settings = Settings(program: program.name, file: file)
            return try program.keys.compactMap { try row(program.name, $0, settings) }
        }

        private func row(_ program: String, _ key: SettingKey, _ settings: Settings) throws -> Row? {
            guard let found = try settings.find(key.key) else {
                let fallback = program == "all" ? ConfigurationGuide.fallback(of: key) : key.fallback
                return set ? nil : Row(program: program, key: key.key, value: fallback, from: "default")
            }
            let from =
                switch found.origin {
                case .environment: found.place
                case .file(let line): "\(settings.file?.path ?? ""):\(line)"
                }
            return Row(program: program, key: key.key, value: key.isSecret ? "<secret>" : found.text, from: from)
        }
    }

    struct Keys: OperatorCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists every setting with type, default and meaning.",
            discussion: """
                Example:
                  martlet config keys --daemon smtpd
                  martlet config keys --yaml > martlet.yaml
                """)

        @Flag(name: .long, help: "As a commented YAML file to begin with.")
        var yaml = false

        @Flag(name: .long, help: "As the page docs/configuration.md.")
        var markdown = false

        @OptionGroup var options: Options
        @OptionGroup var output: OutputOptions

        private struct Row: Encodable {
            let key, variable, type, fallback, meaning: String
            let readBy: [String]
            let secret, live, required: Bool
        }

        func validate() throws {
            if [yaml, markdown, output.json].filter({ $0 }).count > 1 {
                throw ValidationError("--yaml, --markdown and --json exclude each other.")
            }
        }

        func execute() async throws {
            if yaml { return print(ConfigurationGuide.exampleFile(), terminator: "") }
            if markdown { return print(ConfigurationGuide.markdown(), terminator: "") }
            let keys = options.daemon.flatMap { SettingsRegistry.program($0)?.keys } ?? ConfigurationGuide.keys
            let rows = keys.map { key in
                Row(
                    key: key.key, variable: key.variable, type: key.typeWithBounds,
                    fallback: options.daemon == nil ? ConfigurationGuide.fallback(of: key) : key.fallback,
                    meaning: key.meaning, readBy: ConfigurationGuide.readers(of: key.key), secret: key.isSecret,
                    live: key.isLive, required: key.isRequired)
            }
            output.show(
                rows,
                text: table(
                    ["setting", "type", "default", "", "meaning"],
                    rows.map { [$0.key, $0.type, $0.fallback, $0.live ? "live" : "", $0.meaning] }))
        }
    }
}
