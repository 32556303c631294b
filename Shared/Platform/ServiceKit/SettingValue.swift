/// A value as it was read from text, or what is wrong with the text.
package enum SettingValue<Value> {
    case right(Value)
    case wrong(String, expected: String)

    func value(at place: String, hidden: Bool = false) throws(SettingsError) -> Value {
        switch self {
        case .right(let value): return value
        case .wrong(let problem, let expected):
            throw SettingsError(variable: place, problem: hidden ? "is wrong" : problem, expected: expected)
        }
    }

    /// A wrong value as it may be shown: short, and without control characters.
    static func shown(_ text: String) -> String {
        String(text.prefix(40).map { $0.unicodeScalars.contains { $0.value < 32 || $0.value == 127 } ? "?" : $0 })
    }
}

extension SettingValue where Value == Int {
    static func number(_ text: String, _ range: ClosedRange<Int>) -> SettingValue {
        let expected =
            range.upperBound == Int.max
            ? "a whole number of at least \(range.lowerBound)"
            : "a whole number from \(range.lowerBound) to \(range.upperBound)"
        guard let number = Int(text) else {
            return .wrong("is '\(shown(text))', not a whole number", expected: expected)
        }
        guard range.contains(number) else { return .wrong("is \(number), out of range", expected: expected) }
        return .right(number)
    }

    /// `65536`, `64 MiB`, `1GiB`.
    static func bytes(_ text: String, _ range: ClosedRange<Int>) -> SettingValue {
        let expected = "a size from \(ByteText.format(range.lowerBound)) to \(ByteText.format(range.upperBound))"
        guard let size = ByteText.parse(text) else {
            return .wrong("is '\(shown(text))', not a size", expected: expected + ": octets, or with KiB, MiB or GiB")
        }
        guard range.contains(size) else { return .wrong("is \(shown(text)), out of range", expected: expected) }
        return .right(size)
    }
}

extension SettingValue where Value == Duration {
    static func duration(_ text: String, _ range: ClosedRange<Duration>?) -> SettingValue {
        guard let duration = DurationText.parse(text) else {
            return .wrong(
                "is '\(shown(text))', not a duration", expected: "a number with a unit: 250ms, 30s, 5min, 24h or 30d")
        }
        if let range, !range.contains(duration) {
            let bounds = "\(DurationText.format(range.lowerBound)) to \(DurationText.format(range.upperBound))"
            return .wrong("is \(DurationText.format(duration)), out of range", expected: "a duration of \(bounds)")
        }
        return .right(duration)
    }
}

extension SettingValue where Value == Bool {
    static func flag(_ text: String) -> SettingValue {
        switch text.lowercased() {
        case "1", "yes", "true", "on": .right(true)
        case "0", "no", "false", "off": .right(false)
        default: .wrong("is '\(shown(text))'", expected: "yes or no")
        }
    }
}

extension SettingValue where Value == [String] {
    static func list(_ text: String) -> [String] {
        text.split(separator: ",").map { part in
            String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
        }.filter { !$0.isEmpty }
    }
}

extension SettingValue where Value == [Duration] {
    static func durations(_ text: String) -> SettingValue {
        let parts = SettingValue<[String]>.list(text)
        let durations = parts.compactMap(DurationText.parse)
        guard !parts.isEmpty, durations.count == parts.count else {
            return .wrong(
                "is '\(shown(text))', not a list of durations", expected: "durations between commas: 5min, 15min, 1h")
        }
        return .right(durations)
    }
}

extension SettingKey {
    /// What is wrong with a text as a value of this key; `nil`: nothing.
    package func problem(with text: String, at place: String) -> SettingsError? {
        func error<Value>(_ value: SettingValue<Value>) -> SettingsError? {
            do throws(SettingsError) {
                _ = try value.value(at: place, hidden: isSecret)
                return nil
            } catch { return error }
        }
        switch kind {
        case .text, .list: return nil
        case .number(let range): return error(SettingValue<Int>.number(text, range))
        case .bytes(let range): return error(SettingValue<Int>.bytes(text, range))
        case .duration(let range): return error(SettingValue<Duration>.duration(text, range))
        case .durations: return error(SettingValue<[Duration]>.durations(text))
        case .flag: return error(SettingValue<Bool>.flag(text))
        case .choice(let known):
            guard !known.contains(text) else { return nil }
            return SettingsError(
                variable: place, problem: "is '\(SettingValue<String>.shown(text))'",
                expected: "one of \(known.joined(separator: ", "))")
        }
    }
}
