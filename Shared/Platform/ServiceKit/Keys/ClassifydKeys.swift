extension SettingKey {
    package static let classifyd: [SettingKey] =
        [
            SettingKey(
                "classify.snapshot", "path", default: "<found by itself>",
                "model that a new installation starts with"),
            SettingKey("classify.threads", "number", default: "2", in: 1...64, "threads that judge mails"),
            SettingKey(
                "learn.daily_limit", "number", default: "200", in: 0...1_000_000,
                "lessons of one account within 24 hours (moves into and out of Junk)"),
            SettingKey(
                "learn.interval", "duration", default: "5s", within: .zero ... .seconds(3600),
                "between two versions of the model"),
            SettingKey(
                "learn.versions_kept", "number", default: "5", in: 1...10_000, "newest versions of the model that stay"),
        ] + stage + postgres(connections: 4) + amqp
}
