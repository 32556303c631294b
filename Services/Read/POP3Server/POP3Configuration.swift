/// How the server answers. Delays and limits are values, so that tests make them small.
package struct POP3Configuration: Sendable {
    /// RFC 1939 3: at least ten minutes (`pop3.idle_timeout`).
    package var autologout = Duration.seconds(600)
    /// For all of a client's commands before its login together.
    package var loginTimeout = Duration.seconds(60)
    /// Commands after which a client that has not logged in is let go.
    package var maximumCommandsBeforeLogin = 100
    /// Commands in a row that the grammar refused.
    package var maximumBadCommands = 20
    package var maximumLongLines = 3
    /// A peer that guesses passwords is put off.
    package var maximumLoginFailures = 3
    package var loginFailureDelay = Duration.seconds(1)

    package init() {}
}
