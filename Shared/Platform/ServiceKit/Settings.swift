import Configuration
package import MailCore

#if canImport(Glibc)
    import Glibc
#endif

/// What is wrong with which environment variable, in words for the person who set it.
package struct SettingsError: Error, CustomStringConvertible, Equatable {
    package let variable: String
    package let problem: String
    package let expected: String

    package var description: String { "\(variable) \(problem); expected \(expected)" }
}

/// The settings of a process: environment variables `MARTLET_*`, read once at start.
///
/// A key is dotted and lower case (`smtp.mx_port`); its variable is `MARTLET_SMTP_MX_PORT`. A variable with the suffix
/// `_FILE` names a file whose first line is the value (systemd credentials, container secrets). An empty value is no value.
package struct Settings: Sendable {
    private let reader: ConfigReader

    /// The settings of this process.
    package init() {
        self.init(reader: ConfigReader(provider: EnvironmentVariablesProvider()))
    }

    /// Given settings, by dotted key or by variable name.
    package init(values: [String: String]) {
        let environment = Dictionary(values.map { (Self.name(of: $0.key), $0.value) }) { first, _ in first }
        self.init(reader: ConfigReader(provider: EnvironmentVariablesProvider(environmentVariables: environment)))
    }

    private init(reader: ConfigReader) { self.reader = reader.scoped(to: "martlet") }

    /// The environment variable of a dotted key.
    package static func variable(of key: String) -> String {
        "MARTLET_" + key.uppercased().map { $0 == "." || $0 == "-" ? "_" : String($0) }.joined()
    }

    private static func name(of key: String) -> String { key.hasPrefix("MARTLET_") ? key : variable(of: key) }

    private func value(_ key: String) throws(SettingsError) -> String? {
        if let text = reader.string(forKey: ConfigKey(key)), !text.isEmpty { return text }
        guard let path = reader.string(forKey: ConfigKey(key + "_file")), !path.isEmpty else { return nil }
        guard let text = firstLine(ofFile: path) else {
            throw wrong(
                key + "_file", "names a file that cannot be read", "the path of a readable file that holds the value")
        }
        return text.isEmpty ? nil : text
    }

    private func wrong(_ key: String, _ problem: String, _ expected: String) -> SettingsError {
        SettingsError(variable: Self.variable(of: key), problem: problem, expected: expected)
    }
}

extension Settings {
    package func has(_ key: String) -> Bool { ((try? value(key)) ?? nil) != nil }

    /// A file that cannot be read counts as unset here; `required` and `secret` say so instead.
    package func string(_ key: String, default fallback: String) -> String { ((try? value(key)) ?? nil) ?? fallback }

    package func required(_ key: String) throws(SettingsError) -> String {
        guard let text = try value(key) else { throw wrong(key, "is not set", "a value") }
        return text
    }

    package func secret(_ key: String) throws(SettingsError) -> Secret<String>? {
        guard let text = try value(key) else { return nil }
        return Secret(text)
    }

    package func int(
        _ key: String, default fallback: Int, in range: ClosedRange<Int> = 0...Int.max
    ) throws(SettingsError) -> Int {
        guard let text = try value(key) else { return fallback }
        let expected =
            range.upperBound == Int.max
            ? "a whole number of at least \(range.lowerBound)"
            : "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let number = Int(text) else { throw wrong(key, "is '\(shown(text))', not a whole number", expected) }
        guard range.contains(number) else { throw wrong(key, "is \(number), out of range", expected) }
        return number
    }

    package func port(_ key: String, default fallback: Int) throws(SettingsError) -> Int {
        try int(key, default: fallback, in: 0...65_535)
    }

    package func duration(
        _ key: String, default fallback: Duration, in range: ClosedRange<Duration>? = nil
    ) throws(SettingsError) -> Duration {
        guard let text = try value(key) else { return fallback }
        guard let duration = DurationText.parse(text) else {
            throw wrong(
                key, "is '\(shown(text))', not a duration", "a number with a unit: 250ms, 30s, 5min, 24h or 30d")
        }
        if let range, !range.contains(duration) {
            let bounds = "\(DurationText.format(range.lowerBound)) to \(DurationText.format(range.upperBound))"
            throw wrong(key, "is \(DurationText.format(duration)), out of range", "a duration of \(bounds)")
        }
        return duration
    }

    package func bool(_ key: String, default fallback: Bool) throws(SettingsError) -> Bool {
        guard let text = try value(key) else { return fallback }
        switch text.lowercased() {
        case "1", "yes", "true", "on": return true
        case "0", "no", "false", "off": return false
        default: throw wrong(key, "is '\(shown(text))'", "yes or no")
        }
    }

    /// Parts between commas, trimmed of blanks; empty parts are left out.
    package func list(_ key: String, default fallback: [String]) throws(SettingsError) -> [String] {
        guard let text = try value(key) else { return fallback }
        return text.split(separator: ",").map { part in
            String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }.filter { !$0.isEmpty }
    }

    /// A value of a closed set.
    package func choice<Value: RawRepresentable & CaseIterable>(
        _ key: String, default fallback: Value
    ) throws(SettingsError) -> Value where Value.RawValue == String {
        guard let text = try value(key) else { return fallback }
        guard let choice = Value(rawValue: text) else {
            let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw wrong(key, "is '\(shown(text))'", "one of \(known)")
        }
        return choice
    }
}

/// A wrong value as it may be shown: short, and without control characters.
private func shown(_ text: String) -> String {
    String(text.prefix(40).map { $0.unicodeScalars.contains { $0.value < 32 || $0.value == 127 } ? "?" : $0 })
}

/// The first line of a small file; `nil` if it cannot be read or is longer than 4 KiB.
private func firstLine(ofFile path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4097)
    let count = read(descriptor, &bytes, bytes.count)
    guard (0...4096).contains(count) else { return nil }
    return String(
        decoding: bytes.prefix(count).prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }, as: UTF8.self)
}
