/// One documented setting: the row of it that `--help` prints.
package struct SettingKey: Sendable, Hashable {
    /// Dotted, e.g. `smtp.mx_port`; the environment variable is `MARTLET_SMTP_MX_PORT`.
    package let key: String
    /// What a value looks like: `port`, `duration`, `bytes`, `host`, `url`, `yes|no`, ...
    package let type: String
    /// As a person would write it; empty when there is none.
    package let fallback: String
    package let meaning: String
    package let isSecret: Bool

    package init(_ key: String, _ type: String, default fallback: String = "", secret: Bool = false, _ meaning: String)
    {
        self.key = key
        self.type = type
        self.fallback = fallback
        self.meaning = meaning
        self.isSecret = secret
    }

    package var variable: String { Settings.variable(of: key) }
}

extension SettingKey {
    /// What every daemon reads.
    package static let process: [SettingKey] = [
        SettingKey("log.level", "level", default: "info", "trace, debug, info, notice, warning, error or critical"),
        SettingKey("log.format", "text|json", default: "text", "one record a line on standard error"),
        SettingKey("allow_root", "yes|no", default: "no", "start although the user is root"),
        SettingKey("instance", "name", default: "<host>:<pid>", "tells several processes of one daemon apart"),
    ]

    /// What every daemon with a database reads.
    package static let postgres: [SettingKey] = [
        SettingKey("postgres.url", "url", secret: true, "PostgreSQL, as libpq reads it (required)"),
        SettingKey("postgres.connections", "number", default: "4", "most connections of this process"),
    ]

    /// What every daemon on the bus reads.
    package static let amqp: [SettingKey] = [
        SettingKey("amqp.url", "url", secret: true, "RabbitMQ: amqp://user:password@host:port/vhost (required)"),
        SettingKey("queues.type", "classic|quorum", default: "classic", "quorum for a RabbitMQ cluster"),
    ]

    /// A table with one line a setting, aligned.
    package static func table(_ keys: [SettingKey]) -> String {
        let names = keys.map(\.variable)
        let kinds = keys.map { $0.fallback.isEmpty ? $0.type : "\($0.type) = \($0.fallback)" }
        let nameWidth = names.map(\.count).max() ?? 0
        let kindWidth = min(kinds.map(\.count).max() ?? 0, 28)
        var text = ""
        for (index, key) in keys.enumerated() {
            text += "  \(padded(names[index], nameWidth))  \(padded(kinds[index], kindWidth))  \(key.meaning)\n"
        }
        return text
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }
}
