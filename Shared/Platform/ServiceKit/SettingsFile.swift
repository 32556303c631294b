import YAML

#if canImport(Glibc)
    import Glibc
#endif

/// What is wrong with a configuration file: at least one problem, in the order of the lines.
package struct SettingsFileError: Error, CustomStringConvertible {
    package let problems: [SettingsError]

    package var description: String { problems.map(\.description).joined(separator: "\n") }

    /// The first one, for who can only show one.
    var first: SettingsError {
        problems.first ?? SettingsError(variable: "the configuration", problem: "is wrong", expected: "YAML")
    }
}

/// The one YAML file of a system.
///
/// ```yaml
/// smtp:
///   hostname: mail.example.org
///   max_connections_per_address: 100
/// accessd:                  # this daemon alone
///   postgres:
///     connections: 16
/// ```
///
/// Keys are those of `SettingsRegistry`, dots are levels. A section named as a program wins over the rest for that
/// program. Every unknown key is refused, whichever program reads the file.
package struct SettingsFile: Sendable {
    package struct Entry: Sendable, Equatable {
        package let key: String
        /// The program whose section it stands in.
        package let section: String?
        package let text: String
        package let line: Int
    }

    package let path: String
    package let entries: [Entry]
    private let index: [String: Int]

    /// Where the file is if `MARTLET_CONFIG` does not say it.
    package static let defaultPath = "/etc/martlet/martlet.yaml"
    private static let maximumBytes = 1 << 20

    package func entry(_ key: String, section: String?) -> Entry? {
        index[Self.name(key, section)].map { entries[$0] }
    }

    private static func name(_ key: String, _ section: String?) -> String { (section.map { $0 + "/" } ?? "") + key }

    /// The file of this process: `MARTLET_CONFIG`, else the default path if there is such a file; `nil`: none.
    package static func ofProcess() throws(SettingsFileError) -> SettingsFile? {
        guard let named = getenv("MARTLET_CONFIG").map({ String(cString: $0) }) else {
            return access(defaultPath, F_OK) == 0 ? try SettingsFile(contentsOf: defaultPath) : nil
        }
        return named.isEmpty ? nil : try SettingsFile(contentsOf: named)
    }

    package init(contentsOf path: String) throws(SettingsFileError) {
        guard let bytes = SmallFile.bytes(of: path, atMost: Self.maximumBytes) else {
            let reason = String(cString: strerror(errno))
            let problem = SettingsError(
                variable: "MARTLET_CONFIG", problem: "names \(path), which cannot be read (\(reason))",
                expected: "a readable YAML file of at most 1 MiB")
            throw SettingsFileError(problems: [problem])
        }
        try self.init(bytes, path: path)
    }

    package init(_ text: String, path: String = "martlet.yaml") throws(SettingsFileError) {
        try self.init(Array(text.utf8), path: path)
    }

    private init(_ bytes: [UInt8], path: String) throws(SettingsFileError) {
        let root: YAMLNode?
        do {
            root = try YAMLReader.read(bytes)
        } catch {
            let place = error.line > 0 ? "\(path):\(error.line):" : "\(path):"
            throw SettingsFileError(
                problems: [SettingsError(variable: place, problem: error.problem, expected: "`key: value` lines")])
        }
        var flattening = Flattening(path: path)
        if let root { flattening.take(root) }
        guard flattening.problems.isEmpty else { throw SettingsFileError(problems: flattening.problems) }
        self.path = path
        self.entries = flattening.entries
        var index: [String: Int] = [:]
        for (position, entry) in flattening.entries.enumerated() {
            index[Self.name(entry.key, entry.section)] = position
        }
        self.index = index
    }
}
