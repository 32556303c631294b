import CRabbitMQ

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Where the broker is and who we are there.
///
/// The URL is `amqp://user:password@host:port/vhost` or `amqps://...`; `?cacertfile=path` names the certificate
/// authority of an `amqps` broker (otherwise the system's). The password is never printed.
package struct AMQPConfiguration: Sendable, CustomStringConvertible, CustomReflectable {
    package let host: String
    package let port: Int
    package let vhost: String
    package let user: String
    package let isSecure: Bool
    /// PEM file with the certificate authority of the broker.
    package let authorityFile: String
    /// How the broker's list of connections names us.
    package let name: String
    let password: String

    /// Both ends send a sign of life at half of this; twice this without one ends the connection.
    package var heartbeatSeconds: Int32 = 10
    package var connectTimeoutSeconds = 5
    /// A publisher that waits longer than this for a confirm gives the connection up.
    package var confirmTimeout: Duration = .seconds(30)
    /// As does one whose socket takes no byte for this long.
    package var sendTimeout: Duration = .seconds(5)
    /// `publishConfirmed` answers within this.
    package var confirmedPublishTimeout: Duration = .seconds(10)

    package init(url: String, name: String) throws(AMQPError) {
        let parts = url.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let copy = strdup(String(parts.first ?? "")) else { throw AMQPError(.badURL, "no memory") }
        defer { free(copy) }
        var info = amqp_connection_info()
        amqp_default_connection_info(&info)
        guard amqp_parse_url(copy, &info) == 0, let host = info.host, let vhost = info.vhost, let user = info.user,
            let password = info.password, let port = Int(exactly: info.port), (1...65535).contains(port)
        else { throw AMQPError(.badURL, "not an AMQP URL") }
        self.host = String(cString: host)
        self.port = port
        self.vhost = String(cString: vhost)
        self.user = String(cString: user)
        self.password = String(cString: password)
        self.isSecure = info.ssl != 0
        self.name = name
        self.authorityFile = try Self.authorityFile(inQuery: parts.count > 1 ? parts[1] : "")
    }

    private static func authorityFile(inQuery query: Substring) throws(AMQPError) -> String {
        var file = "/etc/ssl/certs/ca-certificates.crt"
        for pair in query.split(separator: "&") {
            let sides = pair.split(separator: "=", maxSplits: 1)
            guard sides.count == 2, sides[0] == "cacertfile" else {
                throw AMQPError(.badURL, "unknown option in the query")
            }
            file = String(sides[1])
        }
        return file
    }

    package var description: String { "\(isSecure ? "amqps" : "amqp")://\(user)@\(host):\(port)/\(vhost)" }
    package var customMirror: Mirror { Mirror(self, children: ["broker": description, "name": name]) }
}
