import MailCore

extension SettingKey {
    package static let smtpd: [SettingKey] =
        [
            SettingKey("smtp.host", "hosts", default: "0.0.0.0", "addresses to listen on"),
            SettingKey("smtp.mx_port", "port", default: "25", "mail of the world for local accounts; 0 is off"),
            SettingKey("smtp.submission_port", "port", default: "587", "mail of local accounts, STARTTLS; 0 is off"),
            SettingKey("smtp.submissions_port", "port", default: "465", "mail of local accounts, TLS; 0 is off"),
            SettingKey("smtp.hostname", "name", default: "<host name>", "how the server calls itself"),
            SettingKey(
                "smtp.max_size", "bytes", default: ByteText.format(MailLimits.messageSize), in: 65_536...1_073_741_824,
                live: true,
                "largest mail taken"),
            SettingKey(
                "smtp.max_connections", "number", default: "10000", in: 1...1_000_000, live: true, "most connections"),
            SettingKey(
                "smtp.max_connections_per_address", "number", default: "50", in: 0...1_000_000, live: true,
                "of one client address; 0: no limit"),
            SettingKey(
                "smtp.idle_timeout", "duration", default: "5min", within: .seconds(1) ... .seconds(3600), live: true,
                "silence after which a session ends"),
            SettingKey(
                "smtp.command_timeout", "duration", default: "30s", within: .seconds(1) ... .seconds(3600), live: true,
                "time for a command from its first byte to its last"),
            SettingKey(
                "smtp.slow_data", "duration", default: "60s", within: .seconds(1) ... .seconds(3600), live: true,
                "after this time a mail must have come at 500 bytes a second"),
            SettingKey(
                "smtp.bad_recipients_per_minute", "number", default: "60", in: 0...1_000_000, live: true,
                "of one client address; 0: no limit"),
            SettingKey("smtp.threads", "number", default: "2", in: 1...64, "event loops"),
            SettingKey(
                "queues.outbox_max", "number", default: "1000000", in: 1...1_000_000_000, live: true,
                "unfinished mails that stop acceptance"),
        ] + authentication + tls(required: false) + postgres(connections: 6, atLeast: 3) + amqp
}
