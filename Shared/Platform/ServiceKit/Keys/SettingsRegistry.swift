/// All settings of all programs. One file of the whole system may name any of them, so every program knows them all.
package enum SettingsRegistry {
    /// A program and what it reads.
    package struct Program: Sendable {
        /// As in `martlet-<name>`, in `daemon.<name>` on the bus, and as a section of the file: `smtpd`.
        package let name: String
        package let duty: String
        package let keys: [SettingKey]
    }

    package static let daemons: [Program] = [
        daemon("smtpd", "takes mail by SMTP", SettingKey.smtpd),
        daemon("classifyd", "gives every accepted mail its verdict", SettingKey.classifyd),
        daemon("filerd", "puts classified mail into mailboxes", SettingKey.filerd),
        daemon("relayd", "delivers mail to the world", SettingKey.relayd),
        daemon("accessd", "gives people their mailboxes", SettingKey.accessd),
        daemon("watchd", "metrics, health and the live page over HTTP", SettingKey.watchd),
    ]

    /// The daemons and the operator's command.
    package static let programs: [Program] =
        daemons + [
            Program(
                name: "martlet", duty: "the operator's command",
                keys: SettingKey.postgres + SettingKey.amqp + SettingKey.dns + SettingKey.doctor)
        ]

    private static func daemon(_ name: String, _ duty: String, _ keys: [SettingKey]) -> Program {
        Program(name: name, duty: duty, keys: keys + SettingKey.process)
    }

    package static func program(_ name: String) -> Program? { programs.first { $0.name == name } }

    /// The declaration of a key as that program reads it: some defaults differ. Without a program: the first one.
    package static func key(_ key: String, of program: String? = nil) -> SettingKey? {
        if let program, let found = Self.program(program) { return found.keys.first { $0.key == key } }
        for program in programs {
            if let found = program.keys.first(where: { $0.key == key }) { return found }
        }
        return nil
    }

    /// Variables `MARTLET_*` that are no settings of a program: they belong to the file itself or to `deploy/local`.
    package static let otherVariables: Set<String> = [
        "MARTLET_CONFIG", "MARTLET_HOME", "MARTLET_PORT_BASE",
    ]
}
