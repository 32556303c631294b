/// Reads a mail once, while it arrives, and derives its `MessageSummary`. Takes any cuts, never fails.
package struct MessageScanner: Sendable {
    package init() {}
    package mutating func feed(_ bytes: UnsafeRawBufferPointer) {}
    package mutating func finish() -> MessageSummary { MessageSummary() }
}
