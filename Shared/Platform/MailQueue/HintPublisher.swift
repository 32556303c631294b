package import AMQP
package import MailCore
package import QueueContracts
import ServiceKit
import Synchronization

/// Says on the bus what has been committed. Never blocks, and nothing depends on its being heard: the work rows are the
/// outbox, the mailboxes are rechecked, the newest model is in PostgreSQL.
package final class HintPublisher: Sendable {
    /// Hands one message to the broker; `false` when it is not taken now.
    package typealias Send = @Sendable (_ exchange: Exchange, _ routingKey: String, _ body: [UInt8]) -> Bool

    /// The same, and calls `settled` once the broker has confirmed or lost it; never after a `false`.
    private let send: @Sendable (Exchange, String, [UInt8], _ settled: (@Sendable () -> Void)?) -> Bool
    private let gathered = Mutex(Gathered())
    /// After a burst, what comes in this time goes together: a hint costs the broker, and a batch its stage, about as much
    /// as ten mails.
    private let pause: Duration

    /// Mails that wait for the hint before theirs, by routing key. One hint of a kind is on its way at a time, and what
    /// comes meanwhile goes together in the next: alone when idle, many under load.
    private struct Gathered {
        static let maximum = 100_000
        /// So many in one hint are a burst.
        static let burst = 4
        var waiting: [String: [MailHint.Entry]] = [:]
        var underway: Set<String> = []
    }

    private let changed = Mutex(Changed())

    private struct Changed {
        struct Place: Hashable {
            let account: AccountID
            let mailbox: MailboxID
        }

        var waiting: [Place: Int64] = [:]
        var isUnderway = false

        mutating func note(_ mailbox: MailboxChanged.Mailbox) {
            let place = Place(account: mailbox.account, mailbox: mailbox.mailbox)
            waiting[place] = max(waiting[place] ?? 0, mailbox.modseq)
        }

        mutating func take() -> [MailboxChanged.Mailbox] {
            let places = waiting.keys.prefix(MailboxChanged.maximumEntries)
            return places.compactMap { place in
                waiting.removeValue(forKey: place).map {
                    MailboxChanged.Mailbox(account: place.account, mailbox: place.mailbox, modseq: $0)
                }
            }
        }
    }

    private static let told = Metric.Counter("mail_queue_hints_total", help: "Hints handed to the broker.")
    private static let untold = Metric.Counter(
        "mail_queue_hints_refused_total", help: "Hints that were not sent: broker away or too many waiting.")
    private static let parkedNotices = Metric.Counter("mail_queue_parked_total", help: "Notices of parked work.")

    package init(publisher: AMQPPublisher) {
        self.pause = .milliseconds(8)
        self.send = { exchange, routingKey, body, settled in
            let isNotice = exchange == .parked
            var whenSettled: AMQPPublisher.Settled?
            if let settled { whenSettled = { _ in settled() } }
            // Nobody need listen on a fanout or to telemetry; a hint or notice without a queue is a mistake worth
            // counting. Only notices are kept over a restart of the broker: the sweeper repeats hints.
            return publisher.publish(
                exchange: exchange.rawValue, routingKey: routingKey, body: body,
                mandatory: isNotice || exchange == .mail, persistent: isNotice, settled: whenSettled)
        }
    }

    /// Sends through `send`, which has settled a message when it returns.
    package init(pause: Duration = .zero, send: @escaping Send) {
        self.pause = pause
        self.send = { exchange, routingKey, body, settled in
            guard send(exchange, routingKey, body) else { return false }
            settled?()
            return true
        }
    }

    /// "There is work at this stage for these mails", at most 128 of them per message.
    @discardableResult
    package func announce(_ stage: Stage, _ mails: [MailHint.Entry]) -> Bool {
        let routingKey: String
        switch stage {
        case .classify, .late: routingKey = RoutingKey.mailAccepted
        case .file, .relabel: routingKey = RoutingKey.mailClassified
        case .relay: routingKey = RoutingKey.relayRequested
        }
        return gather(mails, routingKey)
    }

    /// "Someone has said what these mails are": the trainer learns from it.
    @discardableResult
    package func learnRequested(_ mails: [MailHint.Entry]) -> Bool { gather(mails, RoutingKey.learnRequested) }

    /// The same of mails that have no name here: samples of the operator's.
    @discardableResult
    package func samplesWait() -> Bool {
        publish(.mail, RoutingKey.learnRequested, MailHint.learn([]).encoded())
    }

    private func gather(_ mails: [MailHint.Entry], _ routingKey: String) -> Bool {
        guard !mails.isEmpty else { return true }
        let isFirst: Bool? = gathered.withLock { gathered in
            guard gathered.waiting[routingKey, default: []].count < Gathered.maximum else { return nil }
            gathered.waiting[routingKey, default: []] += mails
            return gathered.underway.insert(routingKey).inserted
        }
        guard let isFirst else {
            Self.untold.increment()
            return false
        }
        return isFirst ? tellNext(routingKey) : true
    }

    /// Sends what has gathered, at most 128 mails of it, and comes back when that is settled.
    @discardableResult
    private func tellNext(_ routingKey: String) -> Bool {
        let mails = gathered.withLock { gathered -> [MailHint.Entry] in
            let waiting = gathered.waiting[routingKey] ?? []
            gathered.waiting[routingKey] = Array(waiting.dropFirst(MailHint.maximumEntries))
            if waiting.isEmpty { gathered.underway.remove(routingKey) }
            return Array(waiting.prefix(MailHint.maximumEntries))
        }
        guard !mails.isEmpty else { return true }
        let hint = MailHint(schema: routingKey, mails: mails).encoded()
        let isSent = send(.mail, routingKey, hint) { [weak self] in
            self?.afterHint(of: mails.count, atMost: MailHint.maximumEntries) { $0.tellNext(routingKey) }
        }
        (isSent ? Self.told : Self.untold).increment()
        if !isSent {
            // The broker is away: the sweeper tells these mails later, and those behind them.
            gathered.withLock { gathered in
                gathered.waiting[routingKey] = nil
                gathered.underway.remove(routingKey)
            }
        }
        return isSent
    }

    /// "Look again at these mailboxes." While one such message is on its way, later changes gather, of each mailbox the
    /// last: alone when idle, one message for many under load.
    package func mailboxChanged(_ mailboxes: [MailboxChanged.Mailbox]) {
        let isFirst: Bool? = changed.withLock { changed in
            guard changed.waiting.count < Gathered.maximum else { return nil }
            for mailbox in mailboxes { changed.note(mailbox) }
            defer { changed.isUnderway = true }
            return !changed.isUnderway
        }
        guard let isFirst else { return Self.untold.increment() }
        if isFirst { tellChanged() }
    }

    private func tellChanged() {
        let next = changed.withLock { changed in
            let next = changed.take()
            changed.isUnderway = !next.isEmpty
            return next
        }
        guard !next.isEmpty else { return }
        let isSent = send(.mailbox, RoutingKey.mailboxChanged, MailboxChanged(next).encoded()) { [weak self] in
            self?.afterHint(of: next.count, atMost: MailboxChanged.maximumEntries) { $0.tellChanged() }
        }
        (isSent ? Self.told : Self.untold).increment()
        // The broker is away: whoever reads asks the database once it is back.
        if !isSent { changed.withLock { $0 = Changed() } }
    }

    /// The next hint: at once, or when a burst has had time to gather. A full one waits for no more.
    private func afterHint(of count: Int, atMost most: Int, _ next: @escaping @Sendable (HintPublisher) -> Void) {
        guard pause > .zero, (Gathered.burst..<most).contains(count) else { return next(self) }
        Task {
            try? await Task.sleep(for: pause)  // nobody cancels this task
            next(self)
        }
    }

    package func modelPublished(_ model: ModelPublished) {
        publish(.model, RoutingKey.modelPublished, model.encoded())
    }

    package func parked(_ notice: ParkedNotice) {
        Self.parkedNotices.increment()
        publish(.parked, RoutingKey.parked, notice.encoded())
    }

    @discardableResult
    private func publish(_ exchange: Exchange, _ routingKey: String, _ body: [UInt8]) -> Bool {
        let isSent = send(exchange, routingKey, body, nil)
        (isSent ? Self.told : Self.untold).increment()
        return isSent
    }
}
