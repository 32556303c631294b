/// How much relayd does at a time.
package struct RelayLimits: Sendable, Hashable {
    /// Connections of this process.
    package var connections = 50
    /// Connections to one domain, of all processes on all hosts.
    package var perDestination = 20
    /// For finding a host that takes a mail: after this long no other one is tried, so that a domain whose hosts are
    /// slow on purpose costs little.
    package var attempt = Duration.seconds(600)
    /// Of the connections, those for domains that no account of ours has written to: anybody can have us forward to or
    /// notify domains of theirs whose hosts are slow on purpose, and must not take all connections that way.
    package var strangers: Int { max(1, connections / 2) }
    /// Mails claimed at a time for one connection, unless their bodies are more than a mebibyte.
    package var mailsPerClaim = 32
    /// RFC 5321 4.5.3.1.8: what every server takes in one transaction.
    package var recipientsPerTransaction = 100
    /// A process that vanishes keeps its destinations for so long.
    package var lease = Duration.seconds(60)

    package init() {}
}
