extension SettingKey {
    package static let watchd: [SettingKey] =
        [
            SettingKey("watch.host", "host", default: "127.0.0.1", "address to listen on"),
            SettingKey("watch.port", "port", default: "8025", "HTTP port"),
            SettingKey(
                "watch.origin", "url",
                "the page's address as browsers see it, as https://mail.example.org; empty: the host that they ask for"),
            SettingKey(
                "watch.proxies", "list",
                "addresses of proxies in front of the page, whose X-Forwarded-For names the client; without it failed "
                    + "logins of all who come through a proxy are counted together"),
        ] + authentication + postgres(connections: 4) + amqp
}
