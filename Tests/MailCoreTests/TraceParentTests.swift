import MailCore
import Testing

/// W3C Trace Context, version 00.
@Suite struct TraceParentTests {
    @Test func `a child keeps the trace and has a span of its own`() {
        let parent = TraceParent.start()
        let child = parent.child()
        #expect(child != parent && child.description.prefix(36) == parent.description.prefix(36))
        #expect(TraceParent(child.description) == child)
    }

    @Test func `what starts here can be read anywhere`() {
        for _ in 0..<1000 {
            let parent = TraceParent.start()
            #expect(TraceParent(parent.description) == parent)
            #expect(parent.description.utf8.count == 55 && parent.description.hasSuffix("-01"))
        }
    }

    @Test(arguments: [
        "", "00", "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\"",
    ])
    func `anything else is refused`(text: String) { #expect(TraceParent(text) == nil) }
}
