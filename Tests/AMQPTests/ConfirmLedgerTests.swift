import AMQP
import Testing

@Suite struct ConfirmLedgerTests {
    private let start = ContinuousClock.now

    private func ledger(of ids: ClosedRange<UInt64>) -> ConfirmLedger {
        var ledger = ConfirmLedger()
        for id in ids { ledger.published(id: id, at: start + .seconds(Int(id))) }
        return ledger
    }

    private func answer(
        _ ledger: inout ConfirmLedger, _ tag: UInt64, multiple: Bool = false, positive: Bool = true
    ) -> [UInt64: ConfirmLedger.Outcome] {
        var outcomes: [UInt64: ConfirmLedger.Outcome] = [:]
        ledger.answered(tag: tag, multiple: multiple, positive: positive) { id, outcome in
            #expect(outcomes.updateValue(outcome, forKey: id) == nil)
        }
        return outcomes
    }

    @Test func `one confirm answers one message`() {
        var ledger = ledger(of: 11...13)
        #expect(answer(&ledger, 2) == [12: .confirmed])
        #expect(ledger.count == 2)
        #expect(ledger.oldest == start + .seconds(11))
    }

    @Test func `a multiple confirm answers all up to it that have no answer`() {
        var ledger = ledger(of: 11...15)
        #expect(answer(&ledger, 2) == [12: .confirmed])
        #expect(answer(&ledger, 4, multiple: true) == [11: .confirmed, 13: .confirmed, 14: .confirmed])
        #expect(ledger.oldest == start + .seconds(15))
        #expect(answer(&ledger, 5, positive: false) == [15: .nacked])
        #expect(ledger.isEmpty && ledger.oldest == nil)
    }

    @Test func `tags go on counting after the front is done`() {
        var ledger = ledger(of: 1...3)
        #expect(answer(&ledger, 3, multiple: true).count == 3)
        ledger.published(id: 99, at: start)
        #expect(answer(&ledger, 4) == [99: .confirmed])
    }

    @Test func `tag 0 with multiple means all`() {
        var ledger = ledger(of: 1...3)
        #expect(answer(&ledger, 0, multiple: true, positive: false).values.allSatisfy { $0 == .nacked })
        #expect(ledger.isEmpty)
    }

    @Test(arguments: [(UInt64(0), false), (4, false), (4, true), (.max, true), (.max, false)])
    func `a tag that was never used is ignored`(tag: UInt64, multiple: Bool) {
        var ledger = ledger(of: 1...3)
        #expect(answer(&ledger, tag, multiple: multiple).isEmpty)
        #expect(ledger.count == 3)
    }

    @Test func `an answer that comes twice counts once`() {
        var ledger = ledger(of: 1...3)
        #expect(answer(&ledger, 2).count == 1)
        #expect(answer(&ledger, 2).isEmpty)
        #expect(answer(&ledger, 1, multiple: true).count == 1)
        #expect(answer(&ledger, 2, multiple: true).isEmpty)
    }

    @Test func `a returned message is returned when its confirm comes`() {
        var ledger = ledger(of: 1...3)
        ledger.returned(id: 2)
        ledger.returned(id: 77)
        #expect(answer(&ledger, 3, multiple: true) == [1: .confirmed, 2: .returned, 3: .confirmed])
    }

    @Test func `what is abandoned is named, and the numbers begin anew`() {
        var ledger = ledger(of: 1...4)
        _ = answer(&ledger, 2)
        #expect(ledger.abandon() == [1, 3, 4])
        ledger.published(id: 5, at: start)
        #expect(answer(&ledger, 1) == [5: .confirmed])
    }
}
