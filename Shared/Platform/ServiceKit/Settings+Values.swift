package import MailCore

// Reading of declared settings: default and range are those of the declaration.
extension Settings {
    /// The text, or the declared default; empty when there is neither.
    package func text(_ key: String) throws(SettingsError) -> String {
        let declaration = try declaration(key)
        return try find(key)?.text ?? declaration.fallbackValue ?? ""
    }

    package func int(_ key: String) throws(SettingsError) -> Int {
        try declared(key) { kind, text in
            switch kind {
            case .number(let range): SettingValue.number(text, range)
            case .bytes(let range): SettingValue.bytes(text, range)
            default: SettingValue.number(text, Int.min...Int.max)
            }
        }
    }

    package func port(_ key: String) throws(SettingsError) -> Int { try int(key) }

    package func duration(_ key: String) throws(SettingsError) -> Duration {
        try declared(key) { kind, text in
            if case .duration(let range) = kind { return SettingValue.duration(text, range) }
            return SettingValue.duration(text, nil)
        }
    }

    package func bool(_ key: String) throws(SettingsError) -> Bool {
        try declared(key) { _, text in SettingValue.flag(text) }
    }

    /// Parts between commas, trimmed of blanks; empty parts are left out.
    package func list(_ key: String) throws(SettingsError) -> [String] {
        SettingValue<[String]>.list(try text(key))
    }

    /// One of the declared words.
    package func choice(_ key: String) throws(SettingsError) -> String {
        let declaration = try declaration(key)
        let found = try find(key)
        let text = found?.text ?? declaration.fallback
        if let problem = declaration.problem(with: text, at: found?.place ?? declaration.variable) { throw problem }
        return text
    }

    /// `5min, 15min, 1h`; at least one.
    package func durations(_ key: String) throws(SettingsError) -> [Duration] {
        try declared(key) { _, text in SettingValue.durations(text) }
    }

    private func declared<Value>(
        _ key: String, _ parse: (SettingKey.Kind, String) -> SettingValue<Value>
    ) throws(SettingsError) -> Value {
        let declaration = try declaration(key)
        let found = try find(key)
        guard let text = found?.text ?? declaration.fallbackValue else {
            throw SettingsError(variable: declaration.variable, problem: "is not set", expected: "a value")
        }
        return try parse(declaration.kind, text).value(
            at: found?.place ?? declaration.variable, hidden: declaration.isSecret)
    }
}

// Reading with a default and a range of the caller's.
extension Settings {
    package func has(_ key: String) -> Bool { ((try? find(key)) ?? nil) != nil }

    /// A file that cannot be read counts as unset here; `required` and `secret` say so instead.
    package func string(_ key: String, default fallback: String) -> String {
        ((try? find(key)) ?? nil)?.text ?? fallback
    }

    package func required(_ key: String) throws(SettingsError) -> String {
        guard let found = try find(key) else {
            throw SettingsError(variable: Self.variable(of: key), problem: "is not set", expected: "a value")
        }
        return found.text
    }

    package func secret(_ key: String) throws(SettingsError) -> Secret<String>? {
        guard let found = try find(key) else { return nil }
        return Secret(found.text)
    }

    package func int(
        _ key: String, default fallback: Int, in range: ClosedRange<Int> = 0...Int.max
    ) throws(SettingsError) -> Int {
        try given(key, fallback) { SettingValue.number($0, range) }
    }

    package func port(_ key: String, default fallback: Int) throws(SettingsError) -> Int {
        try int(key, default: fallback, in: 0...65_535)
    }

    package func duration(
        _ key: String, default fallback: Duration, in range: ClosedRange<Duration>? = nil
    ) throws(SettingsError) -> Duration {
        try given(key, fallback) { SettingValue.duration($0, range) }
    }

    package func bool(_ key: String, default fallback: Bool) throws(SettingsError) -> Bool {
        try given(key, fallback) { SettingValue.flag($0) }
    }

    /// Parts between commas, trimmed of blanks; empty parts are left out.
    package func list(_ key: String, default fallback: [String]) throws(SettingsError) -> [String] {
        try given(key, fallback) { .right(SettingValue<[String]>.list($0)) }
    }

    /// A value of a closed set.
    package func choice<Value: RawRepresentable & CaseIterable>(
        _ key: String, default fallback: Value
    ) throws(SettingsError) -> Value where Value.RawValue == String {
        try given(key, fallback) { text in
            guard let choice = Value(rawValue: text) else {
                let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
                return .wrong("is '\(SettingValue<Value>.shown(text))'", expected: "one of \(known)")
            }
            return .right(choice)
        }
    }

    private func given<Value>(
        _ key: String, _ fallback: Value, _ parse: (String) -> SettingValue<Value>
    ) throws(SettingsError) -> Value {
        guard let found = try find(key) else { return fallback }
        return try parse(found.text).value(at: found.place)
    }
}
