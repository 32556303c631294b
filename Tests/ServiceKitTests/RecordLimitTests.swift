import ServiceKit
import Testing

@Suite struct RecordLimitTests {
    @Test func `one record a second of each kind tells how many there were`() {
        let limit = RecordLimit<String>()
        let start = ContinuousClock.now
        #expect(limit.note("a", at: start) == 1)
        #expect(limit.note("b", at: start) == 1)
        for _ in 0..<5 { #expect(limit.note("a", at: start + .milliseconds(999)) == nil) }
        #expect(limit.note("a", at: start + .seconds(1)) == 6)
        #expect(limit.note("b", at: start + .seconds(3)) == 1)
    }
}
