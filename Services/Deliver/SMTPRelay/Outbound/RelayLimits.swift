/// How much relayd does at a time.
package struct RelayLimits: Sendable, Hashable {
    /// Connections of this process.
    package var connections = 50
    /// Connections to one domain, of all processes on all hosts.
    package var perDestination = 10
    /// Mails claimed at a time for one connection.
    package var mailsPerClaim = 16
    /// RFC 5321 4.5.3.1.8: what every server takes in one transaction.
    package var recipientsPerTransaction = 100
    /// A process that vanishes keeps its destinations for so long.
    package var lease = Duration.seconds(60)

    package init() {}
}
