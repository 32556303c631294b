import DNSResolver
import MailCore
import MailQueue
import PostgreSQL
import QueueContracts
import SMTPRelay
import Storage
import Synchronization
import Testing

/// Mail hosts made of closures: what they get, and what they answer.
private final class FakeHosts: Sendable {
    struct Delivery: Sendable, Equatable {
        let host: String
        let connection: Int
        let mail: MailID
        let recipients: [String]
        let bytes: String
    }

    struct Script: Sendable {
        var route = MXRouteResult.hosts([FakeHosts.host("mx1"), FakeHosts.host("mx2")])
        /// What opening a connection to this host fails with.
        var closed: [String: RelayFailure] = [:]
        /// What the n-th transaction (from 1) of a connection ends with, for all recipients; otherwise it is taken.
        var answer: @Sendable (_ host: String, _ transaction: Int, _ recipient: String) -> RecipientResult? = {
            _, _, _ in nil
        }
        var beforeOpening: @Sendable () async -> Void = {}
        var beforeBody: @Sendable () async -> Void = {}
        var beforeDot: @Sendable () async -> Void = {}
        /// The mail is there, and the answer on its way.
        var afterDot: @Sendable (MailID) async -> Void = { _ in }
    }

    let script: Mutex<Script>
    private let delivered = Mutex<[Delivery]>([])
    private let connections = Mutex<[String]>([])

    var deliveries: [Delivery] { delivered.withLock(\.self) }
    /// The hosts connected to, in order.
    var opened: [String] { connections.withLock(\.self) }
    func note(_ delivery: Delivery) { delivered.withLock { $0.append(delivery) } }

    init(_ script: Script = Script()) { self.script = Mutex(script) }

    static func host(_ name: String) -> MXHost {
        MXHost(name: name, addresses: [IPAddress("192.0.2.1")].compactMap(\.self))
    }

    static func reply(
        _ text: String, _ step: RelayReply.Step = .end, hostFault: Bool = false, hostLimit: Bool = false
    ) -> RelayReply {
        RelayReply(
            status: hostLimit ? "5.3.4" : "4.0.0", text, host: "mx", step: step, isHostFault: hostFault,
            isHostLimit: hostLimit)
    }

    var connector: RelayConnector {
        RelayConnector(
            route: { _ in self.script.withLock(\.route) },
            open: { host, _, _ in
                let number = self.connections.withLock { opened in
                    opened.append(host.name)
                    return opened.count
                }
                await self.script.withLock(\.beforeOpening)()
                if let failure = self.script.withLock({ $0.closed[host.name] }) { return .failure(failure) }
                return .success(FakeConnection(hosts: self, host: host.name, number: number))
            })
    }
}

private actor FakeConnection: RelayConnection {
    private let hosts: FakeHosts
    private let host: String
    private let number: Int
    private var transactions = 0
    private var isOpen = true

    init(hosts: FakeHosts, host: String, number: Int) {
        self.hosts = hosts
        self.host = host
        self.number = number
    }

    func deliver(
        _ mail: OutboundMail, beforeFinalDot: @escaping @Sendable () async throws -> Void
    ) async -> [RecipientResult] {
        transactions += 1
        let script = hosts.script.withLock(\.self)
        let results = mail.recipients.map { script.answer(host, transactions, $0) }
        if let fault = results.first ?? nil, fault.reply.isHostFault { isOpen = false }
        let taken = zip(mail.recipients, results).filter { $1 == nil }.map(\.0)
        if !taken.isEmpty {
            let received = Mutex(mail.prefix)
            await script.beforeBody()
            do {
                try await mail.body { chunk in received.withLock { $0 += chunk } }
                await script.beforeDot()
                if Task.isCancelled {
                    isOpen = false
                    return mail.recipients.map { _ in
                        .deferred(FakeHosts.reply("connection lost", .content, hostFault: true))
                    }
                }
                try await beforeFinalDot()
            } catch {
                return mail.recipients.map { _ in .deferred(FakeHosts.reply("stopped here")) }
            }
            hosts.note(
                .init(
                    host: host, connection: number, mail: mail.id, recipients: taken,
                    bytes: String(decoding: received.withLock(\.self), as: UTF8.self)))
            await script.afterDot(mail.id)
        }
        return results.map { $0 ?? .delivered(FakeHosts.reply("Ok")) }
    }

    func canGoOn() async -> Bool { isOpen }
    func quit() async { isOpen = false }
}

@Suite(.serialized, .enabled(if: TestDatabase.isAvailable, Comment(rawValue: TestDatabase.reason)))
struct RelayDeliveryTests {
    /// Runs a relay on the hosts; `body` gets it and the ids of mails that were told on the bus.
    private func run(
        _ fixture: RelayFixture, _ hosts: FakeHosts, connections: Int = 50, attempt: Duration = .seconds(600),
        _ body: (Relay) async throws -> Void
    ) async throws {
        var limits = RelayLimits()
        limits.connections = connections
        limits.attempt = attempt
        limits.perDestination = 1
        let relay = Relay(
            pool: fixture.relayd, hints: HintPublisher { _, _, _ in true }, connector: hosts.connector,
            host: "mail.example.test", schedule: RelaySchedule(delays: [.seconds(600)], expiry: .seconds(86_400)),
            limits: limits, logger: TestDatabase.logger)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await relay.recorder.run() }
            group.addTask { try await relay.leases.run() }
            group.addTask { try await relay.dispatcher.run() }
            defer { group.cancelAll() }
            try await body(relay)
        }
    }

    private func admit(_ relay: Relay, _ mails: MailID...) async throws {
        try await relay.admit(mails.map { MailHint.Entry(mail: $0, traceparent: .start()) })
    }

    private func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
        try await TestBroker.eventually(what, condition)
    }

    @Test func `copies of one mail share a transaction, and forwarded ones say where they come from`() async throws {
        try await RelayFixture.with { fixture in
            let hosts = FakeHosts()
            let plain = try await fixture.mail(to: ["a@remote.test", "b@remote.test"], body: "Subject: 1\r\n\r\n1\r\n")
            let forward = try await fixture.mail(
                to: ["c@remote.test"], via: "list@example.test", body: "Subject: 2\r\n\r\n2\r\n")
            try await run(fixture, hosts) { relay in
                try await admit(relay, plain, forward)
                try await eventually("both are delivered") { hosts.deliveries.count == 2 }
                try await eventually("and done") { try await fixture.rest(of: forward).work == 0 }
            }
            let got = hosts.deliveries
            #expect(got.map(\.recipients) == [["a@remote.test", "b@remote.test"], ["c@remote.test"]])
            #expect(got[0].bytes == "Subject: 1\r\n\r\n1\r\n")
            #expect(got[1].bytes == "Delivered-To: list@example.test\r\nSubject: 2\r\n\r\n2\r\n")
            #expect(Set(got.map(\.connection)).count == 1)
            #expect(try await fixture.rest(of: plain).events == ["relayed", "relayed"])
        }
    }

    @Test func `the final dot waits until the mail before is recorded`() async throws {
        try await RelayFixture.with { fixture in
            let mails = try await [fixture.mail(to: ["a@remote.test"]), fixture.mail(to: ["b@remote.test"])]
            let left = Mutex<Int?>(nil)
            var script = FakeHosts.Script()
            script.afterDot = { [mails] mail in
                guard mail == mails[1] else { return }
                let rest = try? await fixture.rest(of: mails[0])  // compared below
                left.withLock { $0 = rest?.work }
            }
            let hosts = FakeHosts(script)
            for mail in mails { _ = try await fixture.store.admit([mail], expiry: .seconds(3600)) }
            async let locked: Void = fixture.sql(
                "BEGIN; SELECT FROM work WHERE mail_id = '\(mails[0])' FOR UPDATE; SELECT pg_sleep(1); COMMIT")
            try await eventually("the record has to wait") { try await fixture.owner.number(Self.countSleepers) > 0 }
            try await run(fixture, hosts) { _ in
                try await eventually("both are delivered") { hosts.deliveries.count == 2 }
            }
            try await locked
            #expect(hosts.deliveries.map(\.mail) == mails)
            #expect(left.withLock(\.self) == 0)
        }
    }

    private static let countSleepers = PreparedStatement(
        "rd_sleepers",
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()")

    @Test func `a host that fails is followed by the next, and one that served is connected to again`() async throws {
        try await RelayFixture.with { fixture in
            var script = FakeHosts.Script()
            script.closed["mx1"] = RelayFailure(
                .unreachable, FakeHosts.reply("no connection", .connect, hostFault: true))
            // Each connection carries one mail.
            script.answer = { _, transaction, _ in
                transaction == 1 ? nil : .deferred(FakeHosts.reply("421 enough", .mail, hostFault: true))
            }
            let hosts = FakeHosts(script)
            let mails = try await [
                fixture.mail(to: ["a@remote.test"]), fixture.mail(to: ["b@remote.test"]),
                fixture.mail(to: ["c@remote.test"]),
            ]
            try await run(fixture, hosts) { relay in
                try await admit(relay, mails[0], mails[1], mails[2])
                try await eventually("all are delivered") { hosts.deliveries.count == 3 }
            }
            #expect(hosts.opened == ["mx1", "mx2", "mx2", "mx2"])
            #expect(hosts.deliveries.map(\.mail) == mails)
        }
    }

    @Test func `without a host one attempt is counted and the domain is held`() async throws {
        try await RelayFixture.with { fixture in
            var script = FakeHosts.Script()
            let failure = RelayFailure(.unreachable, FakeHosts.reply("no connection", .connect, hostFault: true))
            script.closed = ["mx1": failure, "mx2": failure]
            let hosts = FakeHosts(script)
            let mails = try await [fixture.mail(to: ["a@remote.test"]), fixture.mail(to: ["b@remote.test"])]
            try await run(fixture, hosts) { relay in
                try await admit(relay, mails[0], mails[1])
                try await eventually("one is deferred") {
                    try await fixture.rest(of: mails[0]).events == ["deferred"]
                }
                try await eventually("the lease is given back") {
                    try await fixture.store.outlook().untilLeaseEnds == nil
                }
            }
            #expect(hosts.opened == ["mx1", "mx2"])
            #expect(try await fixture.rest(of: mails[1]) == .init(work: 1, copies: 1, releases: 0, events: []))
            let waiting = try await fixture.store.destinations(limit: 10)
            #expect(waiting.map(\.copies) == [2] && waiting.first?.lastReply?.contains("no connection") == true)
        }
    }

    @Test func `a mail at which every host breaks off waits, and the others are delivered`() async throws {
        try await RelayFixture.with { fixture in
            var script = FakeHosts.Script()
            script.answer = { _, _, recipient in
                recipient == "poison@remote.test"
                    ? .deferred(FakeHosts.reply("connection lost", .content, hostFault: true)) : nil
            }
            let hosts = FakeHosts(script)
            let mails = try await [
                fixture.mail(to: ["poison@remote.test"]), fixture.mail(to: ["a@remote.test"]),
                fixture.mail(to: ["b@remote.test"]),
            ]
            try await run(fixture, hosts) { relay in
                try await admit(relay, mails[0], mails[1], mails[2])
                try await eventually("the others are done") { try await fixture.rest(of: mails[2]).work == 0 }
            }
            #expect(hosts.opened == ["mx1", "mx2", "mx1"])
            #expect(hosts.deliveries.map(\.mail) == [mails[1], mails[2]])
            #expect(try await fixture.rest(of: mails[0]).events == ["deferred"])
            let waiting = try await fixture.store.destinations(limit: 10)
            #expect(waiting.map(\.failures) == [0])
        }
    }

    @Test func `a route that never works fails everything for the domain`() async throws {
        try await RelayFixture.with { fixture in
            var script = FakeHosts.Script()
            script.route = .nullMX
            let hosts = FakeHosts(script)
            _ = try await fixture.account("alice")
            var mails: [MailID] = []
            for _ in 0..<40 { mails.append(try await fixture.mail(to: ["u@null.test"])) }
            try await run(fixture, hosts) { relay in
                for mail in mails { try await admit(relay, mail) }
                try await eventually("all are told") { try await fixture.notifications().count == 40 }
            }
            #expect(hosts.opened.isEmpty)
            #expect(try await fixture.notifications().allSatisfy { $0.text.contains("Status: 5.1.10") })
        }
    }

    @Test func `no dot is sent under a lease that is lost, and the mail is delivered under the next`() async throws {
        try await RelayFixture.with { fixture in
            let mail = try await fixture.mail(to: ["u@remote.test"])
            let hosts = FakeHosts()
            try await run(fixture, hosts) { relay in
                let stalls = Mutex(0)
                hosts.script.withLock { script in
                    // Twice, a renewal says before the dot that the lease is somebody else's.
                    script.beforeDot = {
                        guard
                            stalls.withLock({ stalls in
                                stalls += 1
                                return stalls <= 2
                            })
                        else { return }
                        // Without them the mail is delivered too early, which the count below shows.
                        for lease in (try? await fixture.leases()) ?? [] { relay.leases.forget(lease) }
                    }
                }
                try await admit(relay, mail)
                try await eventually("it is delivered in the end") {
                    try await fixture.rest(of: mail).events == ["relayed"]
                }
                let count = stalls.withLock(\.self)
                #expect(count == 3)
            }
            #expect(hosts.deliveries.count == 1)
        }
    }

    // MARK: - Hosts that can't, or take their time

    @Test func `a mail that a host can't take goes to the next, and other mails go on to the first`() async throws {
        try await RelayFixture.with { fixture in
            var script = FakeHosts.Script()
            script.answer = { host, _, recipient in
                host == "mx1" && recipient == "large@remote.test"
                    ? .failed(FakeHosts.reply("too large", .mail, hostLimit: true)) : nil
            }
            let hosts = FakeHosts(script)
            let mails = try await [fixture.mail(to: ["a@remote.test"]), fixture.mail(to: ["large@remote.test"])]
            try await run(fixture, hosts) { relay in
                try await admit(relay, mails[0], mails[1])
                try await eventually("both are done") { try await fixture.rest(of: mails[1]).work == 0 }
            }
            #expect(hosts.deliveries.map(\.mail) == mails && hosts.deliveries.map(\.host) == ["mx1", "mx2"])
        }
    }

    @Test func `a host that was left out for one mail is asked before another mail fails`() async throws {
        try await RelayFixture.with { fixture in
            var script = FakeHosts.Script()
            script.answer = { host, _, recipient in
                (host, recipient) == ("mx1", "eight-bit@remote.test")
                    || (host, recipient) == ("mx2", "large@remote.test")
                    ? .failed(FakeHosts.reply("not here", .mail, hostLimit: true)) : nil
            }
            let hosts = FakeHosts(script)
            let mails = try await [
                fixture.mail(to: ["eight-bit@remote.test"]), fixture.mail(to: ["large@remote.test"]),
            ]
            try await run(fixture, hosts) { relay in
                try await admit(relay, mails[0], mails[1])
                try await eventually("both are done") { try await fixture.rest(of: mails[1]).work == 0 }
            }
            #expect(hosts.deliveries.map(\.mail) == mails && hosts.deliveries.map(\.host) == ["mx2", "mx1"])
        }
    }

    @Test func `it waits while the next can't be reached, which holds up no other mail`() async throws {
        try await RelayFixture.with { fixture in
            var script = FakeHosts.Script()
            script.closed["mx2"] = RelayFailure(
                .unreachable, FakeHosts.reply("no connection", .connect, hostFault: true))
            script.answer = { _, _, recipient in
                recipient == "large@remote.test"
                    ? .failed(FakeHosts.reply("too large", .mail, hostLimit: true)) : nil
            }
            let hosts = FakeHosts(script)
            let mails = try await [fixture.mail(to: ["large@remote.test"]), fixture.mail(to: ["a@remote.test"])]
            try await run(fixture, hosts) { relay in
                try await admit(relay, mails[0], mails[1])
                try await eventually("the other is done") { try await fixture.rest(of: mails[1]).work == 0 }
            }
            #expect(hosts.opened == ["mx1", "mx2", "mx1"])
            #expect(try await fixture.rest(of: mails[0]).events == ["deferred"])
            #expect(try await fixture.store.destinations(limit: 10).map(\.failures) == [0])
        }
    }

    @Test func `a mail that no host can take fails, and no other`() async throws {
        try await RelayFixture.with { fixture in
            var script = FakeHosts.Script()
            script.answer = { _, _, recipient in
                recipient == "large@remote.test"
                    ? .failed(FakeHosts.reply("too large", .mail, hostLimit: true)) : nil
            }
            let hosts = FakeHosts(script)
            _ = try await fixture.account("alice")
            let mails = try await [fixture.mail(to: ["large@remote.test"]), fixture.mail(to: ["a@remote.test"])]
            try await run(fixture, hosts) { relay in
                try await admit(relay, mails[0], mails[1])
                try await eventually("both are done") { try await fixture.rest(of: mails[1]).work == 0 }
            }
            #expect(hosts.opened == ["mx1", "mx2", "mx1"])
            #expect(Set(try await fixture.rest(of: mails[0]).events) == ["undeliverable", "notified"])
            #expect(try await fixture.rest(of: mails[1]).events == ["relayed"])
        }
    }

    @Test func `hosts that take too long end the attempt`() async throws {
        try await RelayFixture.with { fixture in
            var script = FakeHosts.Script()
            let attempt = Duration.milliseconds(20)
            script.closed["mx1"] = RelayFailure(.unreachable, FakeHosts.reply("slow", .connect, hostFault: true))
            script.beforeOpening = { try? await Task.sleep(for: attempt) }
            let hosts = FakeHosts(script)
            let mail = try await fixture.mail(to: ["a@remote.test"])
            try await run(fixture, hosts, attempt: attempt) { relay in
                try await admit(relay, mail)
                try await eventually("it waits") { try await fixture.rest(of: mail).events == ["deferred"] }
            }
            #expect(hosts.opened == ["mx1"])
            #expect(try await fixture.store.destinations(limit: 10).first?.lastReply?.contains("slow") == true)
        }
    }

    @Test func `domains that only strangers had us write to get a share of the connections`() async throws {
        try await RelayFixture.with { fixture in
            let hosts = FakeHosts()
            let isOpen = Mutex(false)
            var strange: Set<MailID> = []
            for index in 0..<4 { strange.insert(try await fixture.mail(to: ["u@slow\(index).test"])) }
            hosts.script.withLock { script in
                script.afterDot = { [strange] mail in
                    guard strange.contains(mail) else { return }
                    do {
                        try await TestBroker.eventually("the gate opens") { isOpen.withLock(\.self) }
                    } catch {
                        Issue.record(error)
                    }
                }
            }
            try await run(fixture, hosts, connections: 4) { relay in
                for mail in strange { try await admit(relay, mail) }
                try await eventually("their share is in use") { hosts.deliveries.count == 2 }
                for index in 0..<3 {
                    let ours = try await fixture.mail(to: ["u@known\(index).test"], origin: .submission)
                    try await admit(relay, ours)
                    try await eventually("ours is delivered") { try await fixture.rest(of: ours).work == 0 }
                }
                #expect(hosts.deliveries.filter { strange.contains($0.mail) }.count == 2)
                isOpen.withLock { $0 = true }
                try await eventually("all are delivered") { hosts.deliveries.count == 7 }
            }
        }
    }

    @Test func `a run that shutdown cuts off is no attempt, and its domain is not held`() async throws {
        try await RelayFixture.with { fixture in
            let hosts = FakeHosts()
            let isThere = Mutex(false)
            hosts.script.withLock { script in
                script.beforeDot = {
                    isThere.withLock { $0 = true }
                    // Until it is cancelled: the connection is lost then.
                    try? await Task.sleep(for: .seconds(60))
                }
            }
            let mail = try await fixture.mail(to: ["a@remote.test"])
            try await run(fixture, hosts) { relay in
                try await admit(relay, mail)
                try await eventually("it is on its way") { isThere.withLock(\.self) }
            }
            #expect(hosts.opened == ["mx1"] && hosts.deliveries.isEmpty)
            #expect(try await fixture.rest(of: mail) == .init(work: 1, copies: 1, releases: 0, events: []))
            #expect(try await fixture.leases().isEmpty)
            #expect(try await fixture.store.destinations(limit: 10).map(\.failures) == [0])
            let again = try #require(
                try await fixture.store.lease(holder: "test", limit: 1, slots: 1, for: .seconds(60)).first)
            let claim = try await fixture.store.claim(again, limit: 10)
            #expect(claim.mails.map(\.id) == [mail] && claim.mails.first?.copies.first?.tries == 0)
        }
    }

    // MARK: - Our own storage

    @Test func `a lease that ran out under a run of this process is kept until its outcome is recorded`() async throws {
        try await RelayFixture.with { fixture in
            let mail = try await fixture.mail(to: ["u@remote.test"])
            let other = try await fixture.mail(to: ["u@other.test"])
            let hosts = FakeHosts()
            let kept = Mutex(false)
            try await run(fixture, hosts) { relay in
                hosts.script.withLock { script in
                    // As after a storage that was away for long: the lease is over when the answer comes.
                    script.afterDot = { delivered in
                        guard delivered == mail else { return }
                        do {
                            try await fixture.sql("UPDATE relay_lease SET until = now() - interval '1 s'")
                            try await relay.admit([MailHint.Entry(mail: other, traceparent: .start())])
                            // The dispatcher has looked since.
                            try await TestBroker.eventually("the other is delivered") {
                                hosts.deliveries.contains { $0.mail == other }
                            }
                            let isThere = try await fixture.leases().contains { $0.domain == "remote.test" }
                            kept.withLock { $0 = isThere }
                        } catch {
                            Issue.record(error)
                        }
                    }
                }
                try await admit(relay, mail)
                try await eventually("it is done") { try await fixture.rest(of: mail).work == 0 }
            }
            let isKept = kept.withLock(\.self)
            #expect(isKept)
            #expect(hosts.deliveries.filter { $0.mail == mail }.count == 1)
            #expect(try await fixture.rest(of: mail).events == ["relayed"])
        }
    }

    @Test func `a storage that fails before or in the body is no attempt of the mail`() async throws {
        try await RelayFixture.with { fixture in
            try await fixture.prepareTrouble()
            let hosts = FakeHosts()
            let small = try await fixture.mail(to: ["u@small.test"])
            let line = String(repeating: "x", count: 70) + "\r\n"
            let large = try await fixture.mail(
                to: ["u@large.test"], body: "Subject: Hi\r\n\r\n" + String(repeating: line, count: 5000))
            try await run(fixture, hosts) { relay in
                try await fixture.setTrouble(true)
                try await admit(relay, small)
                // More often than copies may be begun without an end.
                try await eventually("it was tried") { try await fixture.troubleHits() > 6 }
                try await fixture.setTrouble(false)
                try await eventually("it is delivered") { try await fixture.rest(of: small).work == 0 }
                let before = try await fixture.troubleHits()
                let isFirst = Mutex(true)
                hosts.script.withLock { script in
                    script.beforeBody = {
                        let isOn = isFirst.withLock { first in
                            defer { first = false }
                            return first
                        }
                        do { if isOn { try await fixture.setTrouble(true) } } catch { Issue.record(error) }
                    }
                }
                try await admit(relay, large)
                try await eventually("its body was read") { try await fixture.troubleHits() > before }
                try await fixture.setTrouble(false)
                try await eventually("it is delivered, too") { try await fixture.rest(of: large).work == 0 }
            }
            #expect(hosts.deliveries.map(\.mail) == [small, large])
            #expect(try await fixture.rest(of: small).events == ["relayed"])
            #expect(try await fixture.rest(of: large).events == ["relayed"])
        }
    }

    @Test func `a process with all connections in use still frees what a vanished one had`() async throws {
        try await RelayFixture.with { fixture in
            let mail = try await fixture.mail(to: ["u@remote.test"])
            let other = try await fixture.mail(to: ["u@other.test"])
            let hosts = FakeHosts()
            let isOpen = Mutex(false)
            hosts.script.withLock { script in
                // A slow host; an error would let it go on, and the lease below would stay.
                script.beforeDot = { try? await TestBroker.eventually("the gate opens") { isOpen.withLock(\.self) } }
            }
            try await run(fixture, hosts, connections: 1) { relay in
                try await admit(relay, mail)
                try await eventually("the connection is in use") { !hosts.opened.isEmpty }
                _ = try await fixture.store.admit([other], expiry: .seconds(3600))
                let gone = try await fixture.store.lease(holder: "gone", limit: 1, slots: 1, for: .seconds(60))
                #expect(gone.map(\.domain) == ["other.test"])
                _ = try await fixture.store.claim(try #require(gone.first), limit: 1)
                try await fixture.sql("UPDATE relay_lease SET until = now() WHERE holder = 'gone'")
                try await eventually("the lease is taken away") {
                    try await fixture.leases().map(\.domain) == ["remote.test"]
                }
                isOpen.withLock { $0 = true }
                try await eventually("both are delivered") { hosts.deliveries.count == 2 }
            }
        }
    }
}
