extension SettingKey {
    /// What every daemon reads.
    package static let process: [SettingKey] = [
        SettingKey(
            "log.level", "trace|debug|info|notice|warning|error|critical", default: "info", live: true,
            "the least that is logged"),
        SettingKey("log.format", "text|json", default: "text", "one record a line on standard error"),
        SettingKey("allow_root", "yes|no", default: "no", "start although the user is root"),
        SettingKey("instance", "name", default: "<host>:<pid>", "tells several processes of one daemon apart"),
    ]

    /// What every daemon with a database reads.
    package static let postgres: [SettingKey] = postgres(connections: 4)

    /// - Parameters:
    ///   - connections: the daemon's default for the size of its pool.
    ///   - least: what it cannot work without.
    package static func postgres(connections: Int, atLeast least: Int = 1) -> [SettingKey] {
        [
            SettingKey(
                "postgres.url", "url", secret: true, required: true,
                "PostgreSQL, as libpq reads it, with this program's own role"),
            SettingKey(
                "postgres.connections", "number", default: "\(connections)", in: least...1000,
                "most connections of this process"),
        ]
    }

    /// What every daemon on the bus reads.
    package static let amqp: [SettingKey] = [
        SettingKey(
            "amqp.url", "url", secret: true, required: true,
            "RabbitMQ: amqp://user:password@host:port/vhost, with this program's own user"),
        SettingKey("queues.type", "classic|quorum", default: "classic", "quorum for a RabbitMQ cluster"),
    ]

    /// What a daemon reads that works on hints.
    package static let stage: [SettingKey] = [
        SettingKey(
            "queues.try_limit", "duration", default: "6s", within: .seconds(1) ... .seconds(3600),
            "time for one mail (a batch has a quarter more); whoever takes longer is ended, and starts again")
    ]

    /// What a daemon reads that speaks TLS to clients. New files are taken up by themselves, too.
    package static func tls(required: Bool) -> [SettingKey] {
        [
            SettingKey(
                "tls.certificate", "path", live: true, required: required,
                required ? "PEM file with the certificate chain" : "certificate chain, PEM; without it there is no TLS"),
            SettingKey("tls.key", "path", live: true, required: required, "PEM file with its private key"),
        ]
    }

    /// What a daemon reads that checks passwords.
    package static let authentication: [SettingKey] = [
        SettingKey(
            "auth.failures_per_minute", "number", default: "10", in: 0...1_000_000, live: true,
            "wrong passwords of one client address; 0: no limit")
    ]

    /// What a program reads that asks the DNS.
    package static let dns: [SettingKey] = [
        SettingKey(
            "dns.zone_file", "path", "records in zone file form that override the world; for tests and closed networks"),
        SettingKey(
            "dns.forwarders", "list", default: "<those of /etc/resolv.conf>", "DNS servers to ask, as 192.0.2.1@53"),
    ]
}
