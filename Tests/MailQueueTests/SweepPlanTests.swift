import MailCore
import MailQueue
import Storage
import Testing

@Suite struct SweepPlanTests {
    private func plan(_ due: [Stage: Int], oldestAge: Int? = nil) -> SweepPlan {
        SweepPlan(
            outlook: WorkStore.Outlook(
                untilDue: due.mapValues { .seconds($0) }, oldestUnclassified: [],
                oldestAge: oldestAge.map { .seconds($0) }))
    }

    @Test func `nothing to do: a look every 5 s`() {
        #expect(plan([:]) == plan([.file: 3600]))
        #expect(plan([:]).sleep == .seconds(5) && plan([:]).dueStages.isEmpty && !plan([:]).asksForConsumers)
    }

    @Test func `sleeps until the next hint is due`() { #expect(plan([.classify: 3, .file: 9]).sleep == .seconds(3)) }

    @Test func `overdue stages are told, and looked at every second`() {
        let plan = plan([.classify: 0, .file: 2, .relabel: -100])
        #expect(Set(plan.dueStages) == [.classify, .relabel] && plan.sleep == .seconds(1))
    }

    @Test func `wakes when the oldest mail has waited 30 s`() {
        #expect(plan([.classify: 8], oldestAge: 28).sleep == .seconds(2))
        #expect(!plan([.classify: 8], oldestAge: 29).asksForConsumers)
        #expect(
            plan([.classify: 8], oldestAge: 30).asksForConsumers
                && plan([.classify: 8], oldestAge: 30).sleep == .seconds(1))
    }

    @Test(arguments: [(Int?.none, true), (0, true), (31, true), (32, false), (100_000, false)])
    func `a deep queue is told nothing`(messages: Int?, tells: Bool) {
        #expect(SweepPlan.tells(messages: messages) == tells)
    }
}
