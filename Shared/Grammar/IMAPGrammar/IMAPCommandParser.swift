/// Turns one framed command into an `IMAPCommand`. The framer has collected it whole, so there are two outcomes here:
/// a value, or what is wrong with it.
package enum IMAPCommandParser {
    package struct Options: Sendable {
        /// RFC 6855: `ENABLE UTF8=ACCEPT` was given: mailbox names are UTF-8 instead of modified UTF-7.
        package var utf8: Bool

        package init(utf8: Bool = false) { self.utf8 = utf8 }
    }

    package static func parse(
        _ frame: IMAPFrame, options: Options = Options()
    ) throws(IMAPSyntaxError) -> IMAPTaggedCommand {
        throw IMAPSyntaxError("not yet")
    }
}
