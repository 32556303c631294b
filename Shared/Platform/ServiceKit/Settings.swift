import Configuration

/// What is wrong with which setting, in words for the person who set it.
package struct SettingsError: Error, CustomStringConvertible, Equatable {
    /// Where it stands: an environment variable, or a line of the file and the key.
    package let variable: String
    package let problem: String
    package let expected: String

    package init(variable: String, problem: String, expected: String) {
        self.variable = variable
        self.problem = problem
        self.expected = expected
    }

    package var description: String { "\(variable) \(problem); expected \(expected)" }
}

/// The settings of a process: environment variables `MARTLET_*`, then the file's section of this daemon, then the rest
/// of the file, then the default of the declaration (`Keys/`).
///
/// A key is dotted and lower case (`smtp.mx_port`); its variable is `MARTLET_SMTP_MX_PORT`. A key with the suffix `_file`
/// names a file whose first line is the value (systemd credentials, container secrets). An empty value is no value.
package struct Settings: Sendable {
    private let environment: ConfigReader
    /// The configuration file, if there is one.
    package let file: SettingsFile?
    /// Whose settings these are; chooses the section of the file and the defaults.
    package let program: String?
    /// Why the file counts for nothing. Every reading throws it.
    private let refusal: SettingsError?
    /// Who wants to know when they change.
    package let reloads: ReloadList

    /// The settings of this process: its environment and the file that it names.
    package init(program: String? = nil) {
        let reader = ConfigReader(provider: EnvironmentVariablesProvider())
        do throws(SettingsFileError) {
            self.init(reader: reader, file: try SettingsFile.ofProcess(), program: program)
        } catch {
            self.init(reader: reader, file: nil, program: program, refusal: error.first)
        }
    }

    /// The same, and a file that is wrong is told with all its problems.
    package static func load(program: String) throws(SettingsFileError) -> Settings {
        Settings(program: program, file: try SettingsFile.ofProcess())
    }

    /// The environment of this process and a file that was read before.
    package init(program: String?, file: SettingsFile?) {
        self.init(reader: ConfigReader(provider: EnvironmentVariablesProvider()), file: file, program: program)
    }

    /// Given settings, by dotted key or by variable name.
    package init(values: [String: String], file: SettingsFile? = nil, program: String? = nil) {
        let environment = Dictionary(values.map { (Self.name(of: $0.key), $0.value) }) { first, _ in first }
        self.init(
            reader: ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: environment)), file: file,
            program: program)
    }

    private init(
        reader: ConfigReader, file: SettingsFile?, program: String?, refusal: SettingsError? = nil,
        reloads: ReloadList = ReloadList()
    ) {
        self.environment = reader.scoped(to: "martlet")
        self.file = file
        self.program = program
        self.refusal = refusal
        self.reloads = reloads
    }

    /// The same environment with another file; who wanted to know of changes of the old ones knows of these.
    package func with(file: SettingsFile?) -> Settings { Settings(copy: self, file: file) }

    private init(copy: Settings, file: SettingsFile?) {
        self.environment = copy.environment
        self.file = file
        self.program = copy.program
        self.refusal = nil
        self.reloads = copy.reloads
    }

    /// The environment variable of a dotted key.
    package static func variable(of key: String) -> String {
        "MARTLET_" + key.uppercased().map { $0 == "." || $0 == "-" ? "_" : String($0) }.joined()
    }

    private static func name(of key: String) -> String { key.hasPrefix("MARTLET_") ? key : variable(of: key) }
}

// MARK: - Where a value comes from

/// A value and the place where it stands.
package struct FoundSetting: Sendable, Equatable {
    package enum Origin: Sendable, Equatable {
        case environment
        case file(line: Int)
    }

    package let text: String
    package let origin: Origin
    /// For a message: the variable, or the file's line and the key.
    package let place: String
}

extension Settings {
    /// The first layer that has a value, or the name of a file with the value, wins.
    package func find(_ key: String) throws(SettingsError) -> FoundSetting? {
        if let refusal { throw refusal }
        let fileKey = key + "_file"
        if let found = fromEnvironment(key) { return found }
        if let found = fromEnvironment(fileKey) { return try content(found) }
        let sections: [String?] = program.map { [$0, nil] } ?? [nil]
        for section in sections {
            if let found = fromFile(key, section) { return found }
            if let found = fromFile(fileKey, section) { return try content(found) }
        }
        return nil
    }

    private func fromEnvironment(_ key: String) -> FoundSetting? {
        guard let text = environment.string(forKey: ConfigKey(key)), !text.isEmpty else { return nil }
        return FoundSetting(text: text, origin: .environment, place: Self.variable(of: key))
    }

    private func fromFile(_ key: String, _ section: String?) -> FoundSetting? {
        guard let file, let entry = file.entry(key, section: section), !entry.text.isEmpty else { return nil }
        return FoundSetting(
            text: entry.text, origin: .file(line: entry.line), place: "\(file.path):\(entry.line): \(key)")
    }

    private func content(_ name: FoundSetting) throws(SettingsError) -> FoundSetting? {
        guard let text = SmallFile.firstLine(of: name.text) else {
            throw SettingsError(
                variable: name.place, problem: "names a file that cannot be read",
                expected: "the path of a readable file that holds the value")
        }
        return text.isEmpty ? nil : FoundSetting(text: text, origin: name.origin, place: name.place)
    }

    /// The declared key.
    func declaration(_ key: String) throws(SettingsError) -> SettingKey {
        guard let found = SettingsRegistry.key(key, of: program) ?? SettingsRegistry.key(key) else {
            throw SettingsError(
                variable: Self.variable(of: key), problem: "is read, but not declared",
                expected: "its line in ServiceKit/Keys")
        }
        return found
    }
}
