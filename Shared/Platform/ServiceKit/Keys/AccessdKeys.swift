import MailCore

extension SettingKey {
    package static let accessd: [SettingKey] =
        [
            SettingKey("imap.host", "hosts", default: "0.0.0.0", "addresses to listen on"),
            SettingKey("imap.port", "port", default: "143", "IMAP with STARTTLS; 0 is off"),
            SettingKey("imap.imaps_port", "port", default: "993", "IMAP over TLS; 0 is off"),
            SettingKey(
                "imap.message_limit", "bytes", default: ByteText.format(MailLimits.messageSize),
                in: 1024...1_073_741_824, live: true,
                "largest message of APPEND"),
            SettingKey("imap.idle_timeout", "duration", default: "30min", live: true, "silence that ends a session"),
            SettingKey(
                "imap.command_timeout", "duration", default: "60s", within: .seconds(1) ... .seconds(3600), live: true,
                "time for a command from its first byte to its last"),
            SettingKey(
                "imap.max_connections", "number", default: "20000", in: 1...1_000_000, live: true,
                "most connections, POP3 included"),
            SettingKey(
                "imap.max_connections_per_address", "number", default: "200", in: 0...1_000_000, live: true,
                "of one client address; 0: no limit"),
            SettingKey("pop3.host", "hosts", default: "0.0.0.0", "addresses to listen on"),
            SettingKey("pop3.port", "port", default: "110", "POP3 with STLS; 0 is off"),
            SettingKey("pop3.pop3s_port", "port", default: "995", "POP3 over TLS; 0 is off"),
            SettingKey("pop3.idle_timeout", "duration", default: "10min", live: true, "silence that ends a session"),
            SettingKey(
                "pop3.command_timeout", "duration", default: "30s", within: .seconds(1) ... .seconds(3600), live: true,
                "time for a command from its first byte to its last"),
        ] + authentication + tls(required: true) + postgres(connections: 8) + amqp
}
