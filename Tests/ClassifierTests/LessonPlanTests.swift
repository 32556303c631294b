import Classifier
import MailCore
import Storage
import Testing

@Suite("Which lessons are learnt")
struct LessonPlanTests {
    private static let alice = AccountID(1)

    private func lesson(
        _ event: Int64, account: AccountID? = alice, source: LessonSource = .intoJunk,
        _ change: (inout WaitingLesson) -> Void = { _ in }
    ) -> WaitingLesson {
        var lesson = WaitingLesson(
            event: event, account: account, source: source, label: source == .outOfJunk ? .ham : .spam, bytes: [65])
        change(&lesson)
        return lesson
    }

    @Test("refusals, and what they are called")
    func refusals() {
        var plan = LessonPlan(dailyLimit: 100)
        let choice = plan.choose(
            from: [
                lesson(1), lesson(2) { $0.bytes = nil }, lesson(3) { $0.isSuperseded = true },
                lesson(4) { $0.learntBefore = (.spam, 1) }, lesson(5) { $0.learntBefore = (.ham, 1) },
                lesson(6) { $0.learntBefore = (.ham, 4) }, lesson(7) { $0.learntInADay = 100 },
            ], besides: 0)
        #expect(choice.accepted.map(\.event) == [1, 5])
        #expect(choice.refused.map(\.event) == [2, 3, 4, 6, 7])
        #expect(choice.refused.map(\.outcome) == [.gone, .superseded, .repeated, .repeated, .overLimit])
        #expect(!choice.isFull)
    }

    @Test("the day's allowance is each account's own, over pages too; the operator has none")
    func allowance() {
        var plan = LessonPlan(dailyLimit: 3)
        let bob = AccountID(2)
        let first = plan.choose(
            from: [lesson(1), lesson(2), lesson(3, account: bob) { $0.learntInADay = 2 }], besides: 0)
        let second = plan.choose(
            from: [
                lesson(4), lesson(5), lesson(6, account: bob), lesson(7, account: nil, source: .operatorTraining),
                lesson(8, source: .operatorTraining),
            ], besides: 3)
        #expect(first.accepted.map(\.event) == [1, 2, 3])
        #expect(second.accepted.map(\.event) == [4, 6, 7, 8])
    }

    @Test("lessons that waited for days count for the day on which they were given")
    func backlog() {
        var plan = LessonPlan(dailyLimit: 2)
        let page = (0..<9).map { number in
            lesson(Int64(number)) { $0.notedAt = Timestamp(seconds: 1_800_000_000 + Int64(number / 3) * 90_000) }
        }
        #expect(plan.choose(from: page, besides: 0).accepted.map(\.event) == [0, 1, 3, 4, 6, 7])
    }

    @Test("a version has an end")
    func full() {
        var plan = LessonPlan(dailyLimit: 10_000)
        let page = (1...10).map { lesson($0) }
        let choice = plan.choose(from: page, besides: LessonPlan.lessonsPerVersion - 4)
        #expect(choice.accepted.map(\.event) == [1, 2, 3, 4] && choice.isFull)
    }

    @Test("what trainers did not come back from goes in smaller company, then alone, then not any more")
    func tries() {
        func chosen(_ page: [WaitingLesson], besides count: Int = 0) -> [Int64] {
            var plan = LessonPlan(dailyLimit: 10_000)
            return plan.choose(from: page, besides: count).accepted.map(\.event)
        }
        func tried(_ event: Int64, _ tries: Int) -> WaitingLesson { lesson(event) { $0.tries = tries } }
        #expect(chosen((1...80).map { tried($0, 1) }) == Array(1...64))
        #expect(chosen((1...20).map { tried($0, 2) }) == Array(1...8))
        #expect(chosen([tried(1, 3), tried(2, 3)]) == [1])
        #expect(chosen([tried(1, 0), tried(2, 3), tried(3, 0)]) == [1])
        #expect(chosen([tried(1, 3), tried(2, 0)]) == [1])
        #expect(chosen([tried(1, 1)], besides: 64) == [])
        #expect(chosen([tried(1, 8), tried(2, 0)]) == [2])
    }

    @Test("where another trainer is at work, this one ends")
    func leased() {
        var plan = LessonPlan(dailyLimit: 10)
        let choice = plan.choose(from: [lesson(1), lesson(2) { $0.isLeased = true }, lesson(3)], besides: 0)
        #expect(choice.accepted.map(\.event) == [1] && choice.isFull)
    }
}
