extension SettingKey {
    package static let relayd: [SettingKey] =
        [
            SettingKey("relay.port", "port", default: "25", "the port to reach an MX on"),
            SettingKey(
                "relay.allow", "networks", default: "",
                "networks that are delivered to although they are private or loopback, as 127.0.0.0/8"),
        ] + dns + postgres(connections: 4) + amqp
}
