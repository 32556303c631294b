extension SettingKey {
    package static let relayd: [SettingKey] =
        [
            SettingKey("relay.port", "port", default: "25", "the port to reach an MX on"),
            SettingKey(
                "relay.allow", "networks", default: "",
                "networks that are delivered to although they are private or loopback, as 127.0.0.0/8"),
            SettingKey(
                "relay.retry_schedule", "durations", default: "5min,15min,30min,1h,2h,4h", live: true,
                "waits after failed attempts; the last one repeats"),
            SettingKey(
                "relay.expiry", "duration", default: "5d", within: .seconds(1) ... .seconds(365 * 86_400), live: true,
                "how long delivery is tried before the sender is told that it failed"),
            SettingKey(
                "relay.connections", "number", default: "50", in: 1...10_000, live: true,
                "most at a time, of this process; each holds up to 1.3 MB of mail"),
            SettingKey(
                "relay.connections_per_destination", "number", default: "20", in: 1...1000, live: true,
                "most to one domain, of all processes together"),
            SettingKey(
                "relay.lease", "duration", default: "60s", within: .seconds(2) ... .seconds(3600),
                "how long a process that vanished keeps the destinations it worked on"),
            SettingKey("smtp.hostname", "name", default: "<host name>", "how the server calls itself"),
        ] + stage + dns + postgres(connections: 6, atLeast: 4) + amqp
}
