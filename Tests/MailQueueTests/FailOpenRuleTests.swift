import MailCore
import MailQueue
import Testing

@Suite struct FailOpenRuleTests {
    private let start = ContinuousClock.now
    private let mails = (0..<40).map { _ in MailID.next() }

    private func after(_ seconds: Int) -> ContinuousClock.Instant { start + .seconds(seconds) }

    @Test func `without a classifyd a mail waits 30 s`() {
        let rule = FailOpenRule()
        #expect(rule.threshold(consumers: 0, brokerSince: start, at: after(60)) == .seconds(30))
        #expect(rule.threshold(consumers: nil, brokerSince: start, at: after(60)) == .seconds(30))
    }

    @Test func `while the broker is away nothing goes on, and its return starts the clock`() {
        let rule = FailOpenRule()
        #expect(rule.threshold(consumers: 0, brokerSince: nil, at: after(600)) == nil)
        #expect(rule.threshold(consumers: 0, brokerSince: after(600), at: after(629)) == nil)
        #expect(rule.threshold(consumers: 0, brokerSince: after(600), at: after(630)) == .seconds(30))
    }

    @Test func `a classifyd that moves on with a long queue has 5 min`() {
        var rule = FailOpenRule()
        for second in 0..<100 {
            rule.observe(Array(mails[second % 30..<second % 30 + 10]), at: after(second))
        }
        #expect(rule.threshold(consumers: 1, brokerSince: start - .seconds(600), at: after(100)) == .seconds(300))
        // Its consumer gone, or no verdict for 30 s: back to 30 s.
        #expect(rule.threshold(consumers: 0, brokerSince: start - .seconds(600), at: after(100)) == .seconds(30))
        #expect(rule.threshold(consumers: 1, brokerSince: start - .seconds(600), at: after(130)) == .seconds(30))
    }

    @Test func `a classifyd that is there but hangs has 30 s`() {
        var rule = FailOpenRule()
        for second in 0..<40 { rule.observe(Array(mails[0..<5]), at: after(second)) }
        #expect(!rule.isAlive(consumers: 1, at: after(40)))
    }

    @Test func `one mail that hangs does not hide the progress of the others`() {
        var rule = FailOpenRule()
        rule.observe([mails[0], mails[1], mails[2]], at: after(0))
        rule.observe([mails[0], mails[2], mails[3]], at: after(1))
        #expect(rule.isAlive(consumers: 1, at: after(2)))
    }

    @Test func `mails that join are no progress, nor are those we let go ourselves`() {
        var rule = FailOpenRule()
        rule.observe([mails[0]], at: after(0))
        rule.observe([mails[0], mails[1]], at: after(1))
        #expect(!rule.isAlive(consumers: 1, at: after(2)))
        rule.promoted([mails[0]])
        rule.observe([mails[1]], at: after(3))
        #expect(!rule.isAlive(consumers: 1, at: after(4)))
    }
}
