extension SettingKey {
    package static let filerd: [SettingKey] =
        [
            SettingKey("filer.batch", "number", default: "256", in: 1...256, "most mails filed in one transaction"),
            SettingKey(
                "reaper.delay", "duration", default: "24h", within: .zero ... .seconds(31_536_000), live: true,
                "how long a body without a reference is kept"),
            SettingKey(
                "history.days", "number", default: "30", in: 1...36_500, live: true,
                "days that the history of mails is kept"),
            SettingKey(
                "housekeeping.interval", "duration", default: "5min", within: .seconds(1) ... .seconds(86_400),
                live: true, "between rounds of deleting what is due"),
        ] + stage + postgres(connections: 4, atLeast: 2) + amqp
}
