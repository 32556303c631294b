import LineServer
import Logging
import MailCore
import ServiceKit
import Storage

/// Delivers to one domain by one connection, under one lease, until nothing is due there.
struct DestinationRun {
    private let lease: RelayLease
    private let services: RelayServices
    private var line: HostLine
    private var hasReached = false
    /// Mails in a row during which every host broke off.
    private var brokenOff = 0
    /// How the mail before ended, on its way into the database while the next one is prepared and sent up to its final
    /// dot, which waits for it: so there is never more than one mail that is delivered and not recorded.
    private var recording: Task<Bool, Never>?
    /// Mail is delivered of which the database does not know.
    private var hasUnrecorded = false
    private static let toleratedBreaks = 3
    private static let pauseAfterTrouble = Duration.seconds(1)

    private let executor: any TaskExecutor

    /// - Parameter executor: runs this.
    init(lease: RelayLease, services: RelayServices, executor: any TaskExecutor) {
        self.lease = lease
        self.executor = executor
        self.services = services
        self.line = HostLine(domain: lease.domain, connector: services.connector)
    }

    /// - Parameters:
    ///   - isStopping: asked between mails.
    ///   - onMore: there may be work for another connection.
    mutating func run(isStopping: () -> Bool, onMore: () -> Void) async {
        RelayMetrics.runs.add(1)
        defer { RelayMetrics.runs.add(-1) }
        var isOver = false
        do {
            while !isOver, !isStopping() {
                let claim = try await services.store.claim(lease, limit: services.limits.mailsPerClaim)
                if !claim.parked.isEmpty {
                    RelayMetrics.parked.increment(by: claim.parked.count)
                    services.onParked(claim.parked)
                }
                if claim.isLeaseLost || claim.mails.isEmpty && claim.parked.isEmpty {
                    services.leases.forget(lease)
                    await line.drop(isAtFault: false)
                    return
                }
                if claim.isFull { onMore() }
                isOver = claim.isHeld ? await !giveUp(claim) : await !deliver(claim.mails, isStopping)
                // A claim that finds nothing ends the lease: the outcomes under it come first.
                isOver = await !isRecorded() || isOver
            }
        } catch {
            services.logger.warning("a destination is left for later", metadata: [LogKey.error: "\(error)"])
            // It stays due, and what failed may need a moment. A cancelled sleep ends early.
            try? await Task.sleep(for: Self.pauseAfterTrouble)
        }
        _ = await isRecorded()
        await line.drop(isAtFault: false)
        await release()
    }

    private func release() async {
        services.leases.forget(lease)
        // What could not be recorded must not be delivered again at once: the lease runs out, and the attempt counts.
        if hasUnrecorded { return }
        let (store, lease) = (services.store, lease)
        let end = ContinuousClock.now + services.leases.duration
        var pause = Duration.milliseconds(100)
        while true {
            do {
                // Shielded: a cancelled task does not wait for a connection.
                return try await Task { try await store.release(lease) }.value
            } catch {
                services.logger.info("a lease could not be given back", metadata: [LogKey.error: "\(error)"])
                // It runs out by itself, but then the attempt counts.
                guard StorageTrouble.isMeant(by: error), .now < end, !Task.isCancelled else { return }
                // Only after a failure. A cancelled sleep ends the loop by the condition above.
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(5))
            }
        }
    }

    // MARK: - Mails

    /// - Returns: whether to go on with the destination.
    private mutating func deliver(_ mails: [RelayMail], _ isStopping: () -> Bool) async -> Bool {
        for (index, mail) in mails.enumerated() {
            let groups = transactions(of: mail)
            for (place, copies) in groups.enumerated() {
                guard !isStopping(), services.leases.isOurs(lease) else { return false }
                switch await attempt(mail, copies) {
                case .ended(let outcomes):
                    let news: DestinationNews? = hasReached ? nil : .reached
                    hasReached = true
                    guard await record(outcomes, news) else { return false }
                case .failedHere(let outcomes):
                    guard await record(outcomes, nil) else { return false }
                case .unreachable(let outcomes, let reason):
                    // The others stay due: they are tried when the destination is, however long that takes.
                    _ = await record(outcomes, .unreachable(reason))
                    return false
                case .closed(let result):
                    let open = groups[place...].joined().map { outcome(mail, $0, result, nil) }
                    return await record(open + mails[(index + 1)...].flatMap { all($0, result) }, nil)
                case .interrupted(let outcomes):
                    _ = await record(outcomes, nil)
                    // The copies are due at once, and what failed may need a moment. A cancelled sleep ends early.
                    try? await Task.sleep(for: Self.pauseAfterTrouble)
                    return false
                case .leaseLost:
                    return false
                }
            }
        }
        return true
    }

    /// Copies that may share a transaction: the same bytes, and not more than every server takes.
    private func transactions(of mail: RelayMail) -> [[RelayMail.Copy]] {
        var groups: [[RelayMail.Copy]] = []
        for copy in mail.copies {
            let place = groups.firstIndex { group in
                group.count < services.limits.recipientsPerTransaction && group[0].via == copy.via
                    && group[0].prefix == copy.prefix
            }
            if let place { groups[place].append(copy) } else { groups.append([copy]) }
        }
        return groups
    }

    private enum Attempt {
        case ended([RelayOutcome])
        /// For a reason of our own; nothing is known of the destination.
        case failedHere([RelayOutcome])
        case unreachable([RelayOutcome], String)
        /// The same for every mail of the destination.
        case closed(RecipientResult)
        /// By our own storage or shutdown; these were decided before, the others are as if nothing had begun.
        case interrupted([RelayOutcome])
        case leaseLost
    }

    private mutating func attempt(_ mail: RelayMail, _ copies: [RelayMail.Copy]) async -> Attempt {
        let content: RelayContent
        do {
            content = try await services.contents.load(mail, known: copies.first?.prefix, via: copies.first?.via)
        } catch let error where StorageTrouble.isMeant(byReading: error) {
            services.logger.warning("a mail is left for later", metadata: [LogKey.error: "\(error)"])
            return .interrupted([])
        } catch {
            services.logger.error(
                "a mail could not be read", metadata: [LogKey.mailID: "\(mail.id)", LogKey.error: "\(error)"])
            let reply = RelayReply(status: "4.3.0", "The mail could not be read from the storage here", step: .content)
            return .failedHere(copies.map { outcome(mail, $0, .deferred(reply), nil) })
        }
        let trouble = StorageTrouble()
        let outbound = services.contents.outbound(mail, copies, content, noting: trouble)
        let deadline = ContinuousClock.now + services.limits.attempt
        var hasBeenOpen = false
        /// What hosts said that can't take this mail.
        var limit: RecipientResult?
        await line.beginMail()
        while true {
            let connection: any RelayConnection
            let way = await line.way(until: deadline)
            if Task.isCancelled { return .interrupted([]) }
            switch way {
            case .open(let open): connection = open
            case .closed(let result):
                guard let limit else { return .closed(result) }
                return .ended(copies.map { outcome(mail, $0, limit, content.prefix) })
            case .unreachable(let reply):
                if let limit, line.isExhausted {
                    return .ended(copies.map { outcome(mail, $0, limit, content.prefix) })
                }
                let outcomes = copies.map { outcome(mail, $0, .deferred(reply), content.prefix) }
                // Another mail may be taken by the hosts that can't take this one.
                if limit != nil { return .failedHere(outcomes) }
                guard hasBeenOpen, brokenOff < Self.toleratedBreaks else {
                    return .unreachable(outcomes, describe(reply))
                }
                // The hosts are there and broke off at this mail: it waits, and does not hold up the others.
                brokenOff += 1
                line.startOver()
                return .failedHere(outcomes)
            }
            hasBeenOpen = true
            let (leases, lease, recording) = (services.leases, lease, recording)
            let results = await connection.deliver(outbound) {
                try await trouble.noting {
                    if let recording, await !recording.value { throw CancellationError() }
                    try await leases.ensure(lease)
                }
            }
            if trouble.isNoted || Task.isCancelled {
                let decided = zip(copies, results).filter { $1.isTheirs }
                return .interrupted(decided.map { outcome(mail, $0, $1, content.prefix) })
            }
            // What was decided is recorded in any case: a delivery counts under any lease.
            if !services.leases.isOurs(lease), results.allSatisfy(\.isDeferred) { return .leaseLost }
            if let lack = results.first, results.allSatisfy(\.isHostLimit) {
                limit = lack
                await line.skipHost()
                continue
            }
            if let fault = hostFault(results) {
                await line.drop(isAtFault: true, because: fault)
                continue
            }
            line.noteServed()
            brokenOff = 0
            return .ended(zip(copies, results).map { outcome(mail, $0, $1, content.prefix) })
        }
    }

    /// Nothing was decided about any recipient: another host may take the mail at once.
    private func hostFault(_ results: [RecipientResult]) -> RelayReply? {
        let isFault = results.allSatisfy { result in
            if case .deferred(let reply) = result { reply.isHostFault && !reply.isOutcomeUnknown } else { false }
        }
        return isFault ? results.last?.reply : nil
    }

    // MARK: - Outcomes

    /// Copies of a held destination whose time is over: the last thing heard of it is why.
    private mutating func giveUp(_ claim: RelayClaim) async -> Bool {
        let reply = RelayReply(status: "4.4.1", claim.lastReply ?? "No host could be reached", step: .connect)
        return await record(claim.mails.flatMap { all($0, .deferred(reply)) }, nil)
    }

    private func all(_ mail: RelayMail, _ result: RecipientResult) -> [RelayOutcome] {
        mail.copies.map { outcome(mail, $0, result, nil) }
    }

    private func outcome(
        _ mail: RelayMail, _ copy: RelayMail.Copy, _ result: RecipientResult, _ prefix: [UInt8]?
    ) -> RelayOutcome {
        let kind: RelayOutcome.Kind =
            switch result {
            case .delivered: .delivered
            case .deferred: .deferred(again: services.schedule.delay(after: copy.tries))
            case .failed: .failed
            }
        let reply = result.reply
        return RelayOutcome(
            mail: mail.id, copy: copy, lease: lease, kind: kind,
            answer: RelayAnswer(
                code: reply.code, status: reply.status, text: reply.text.description, host: reply.host, at: .now()),
            prefix: prefix)
    }

    /// Begins to write outcomes down, after those of the mail before.
    /// - Returns: whether to go on.
    private mutating func record(_ outcomes: [RelayOutcome], _ news: DestinationNews?) async -> Bool {
        guard await isRecorded() else { return false }
        recording = Task(executorPreference: executor) { [recorder = services.recorder, domain = lease.domain] in
            await recorder.record(outcomes, domain: domain, news: news)
        }
        return true
    }

    /// Waits until the database knows all that was delivered; `false`: it could not be told.
    private mutating func isRecorded() async -> Bool {
        if let recording, await !recording.value { hasUnrecorded = true }
        recording = nil
        return !hasUnrecorded
    }

    private func describe(_ reply: RelayReply) -> String {
        let host = reply.host.isEmpty ? "" : "\(reply.host): "
        return host + (reply.code == 0 ? "" : "\(reply.code) ") + reply.text.description
    }
}

extension RecipientResult {
    fileprivate var isDeferred: Bool { if case .deferred = self { true } else { false } }
    fileprivate var isHostLimit: Bool { if case .failed(let reply) = self { reply.isHostLimit } else { false } }
    /// Decided, or put off by the other host; or the other host may have the mail.
    fileprivate var isTheirs: Bool { !isHostLimit && (!isDeferred || reply.code != 0 || reply.isOutcomeUnknown) }
}
