/// One documented setting: what `--help`, `martlet config keys` and docs/configuration.md say of it, and the only place
/// where its default and its range stand. All declarations are in `Keys/`, one file a daemon.
package struct SettingKey: Sendable, Hashable {
    /// How a value is read and checked.
    package enum Kind: Sendable, Hashable {
        case text
        /// Whole numbers; ports too.
        case number(ClosedRange<Int>)
        /// A number of octets, with or without a unit: `65536`, `64 MiB`.
        case bytes(ClosedRange<Int>)
        case duration(ClosedRange<Duration>)
        case flag
        case choice([String])
        /// Parts between commas; in the file a list, too.
        case list
        /// A list of durations.
        case durations
    }

    /// Dotted, e.g. `smtp.mx_port`; the environment variable is `MARTLET_SMTP_MX_PORT`.
    package let key: String
    /// What a value looks like: `port`, `number`, `duration`, `bytes`, `host`, `hosts`, `url`, `path`, `yes|no`, ...
    package let type: String
    /// As a person would write it; empty when there is none, `<...>` when it is found out at start.
    package let fallback: String
    package let meaning: String
    package let kind: Kind
    package let isSecret: Bool
    /// A changed value is taken up on SIGHUP; otherwise it needs a restart.
    package let isLive: Bool
    /// The daemon does not start without it.
    package let isRequired: Bool

    /// - Parameters:
    ///   - type: `port`, `number`, `bytes`, `duration`, `durations`, `yes|no`, `a|b|c` (a closed set), `hosts`, `names` or
    ///     `list` (parts between commas); any other word is shown and not checked.
    ///   - range: of a `number` or of `bytes`.
    ///   - span: of a `duration`.
    package init(
        _ key: String, _ type: String, default fallback: String = "", in range: ClosedRange<Int> = 0...Int.max,
        within span: ClosedRange<Duration> = .zero ... .seconds(36_525 * 86_400), secret: Bool = false,
        live: Bool = false, required: Bool = false, _ meaning: String
    ) {
        self.key = key
        self.type = type
        self.fallback = fallback
        self.meaning = meaning
        self.kind = Self.kind(type, range, span)
        self.isSecret = secret
        self.isLive = live
        self.isRequired = required
    }

    private static func kind(_ type: String, _ range: ClosedRange<Int>, _ span: ClosedRange<Duration>) -> Kind {
        switch type {
        case "port": .number(0...65_535)
        case "number": .number(range)
        case "bytes": .bytes(range)
        case "duration": .duration(span)
        case "durations": .durations
        case "yes|no": .flag
        case "hosts", "names", "networks", "list": .list
        case let type where type.contains("|"): .choice(type.split(separator: "|").map(String.init))
        default: .text
        }
    }

    /// The type with its bounds: `number, 1 to 64`.
    package var typeWithBounds: String {
        switch kind {
        case .number(let range) where type != "port": type + Self.bounds(range, largest: Int.max) { "\($0)" }
        case .bytes(let range): type + Self.bounds(range, largest: Int.max, ByteText.format)
        case .duration(let range):
            type + Self.bounds(range, largest: .seconds(36_525 * 86_400), DurationText.format)
        default: type
        }
    }

    private static func bounds<Value: Comparable>(
        _ range: ClosedRange<Value>, largest: Value, _ text: (Value) -> String
    ) -> String {
        let least = text(range.lowerBound)
        if range.upperBound < largest { return ", \(least) to \(text(range.upperBound))" }
        return least == "0" ? "" : ", at least \(least)"
    }

    package var variable: String { Settings.variable(of: key) }

    /// The default, if it is a value and not a description of one.
    package var fallbackValue: String? { fallback.isEmpty || fallback.hasPrefix("<") ? nil : fallback }
}

extension SettingKey {
    /// A table with one line a setting, aligned.
    package static func table(_ keys: [SettingKey]) -> String {
        let names = keys.map(\.variable)
        let kinds = keys.map { $0.fallback.isEmpty ? $0.type : "\($0.type) = \($0.fallback)" }
        let nameWidth = names.map(\.count).max() ?? 0
        let kindWidth = min(kinds.map(\.count).max() ?? 0, 28)
        var text = ""
        for (index, key) in keys.enumerated() {
            let notes = (key.isRequired ? " (required)" : "") + (key.isLive ? " (live)" : "")
            text += "  \(padded(names[index], nameWidth))  \(padded(kinds[index], kindWidth))  \(key.meaning)\(notes)\n"
        }
        return text
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
