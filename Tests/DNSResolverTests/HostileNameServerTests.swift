import DNSResolver
import Testing

/// Name servers that lie, loop or are silent (RELIABILITY rows 96 and F35): the answer is right, or there is none for now.
@Suite struct HostileNameServerTests {
    private static let a: UInt8 = 1
    private static let cname: UInt8 = 5
    private static let mx: UInt8 = 15

    /// Answers for `evil.example`, and `victim.example` on a server of its own.
    private func withResolver(
        _ respond: @escaping @Sendable (DNSMessage) -> [[UInt8]], timeout: Duration = .seconds(3),
        body: @Sendable (DNSResolver) async throws -> Void
    ) async throws {
        let evil = try #require(DNSResponder { respond(DNSMessage(to: $0)) })
        let victim = try #require(
            DNSResponder { query in
                var message = DNSMessage(to: query)
                if message.type == Self.a { message.answers = [DNSMessage.record(type: Self.a, [8, 8, 8, 8])] }
                return [message.bytes]
            })
        defer {
            evil.stop()
            victim.stop()
        }
        var configuration = DNSConfiguration()
        configuration.validates = false
        configuration.timeout = timeout
        configuration.stubs = [
            DNSConfiguration.Stub(zone: "evil.example.", server: "127.0.0.1@\(evil.port)"),
            DNSConfiguration.Stub(zone: "victim.example.", server: "127.0.0.1@\(victim.port)"),
        ]
        let resolver = try DNSResolver(configuration: configuration)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await resolver.run() }
            try await body(resolver)
            group.cancelAll()
        }
    }

    private static func exchange(_ preference: Int, _ host: String) -> [UInt8] {
        DNSMessage.number(preference) + DNSMessage.name(host)
    }

    @Test func waitsForTheAnswerToItsOwnQuestion() async throws {
        try await withResolver { message in
            var right = message
            right.answers = [DNSMessage.record(type: Self.mx, Self.exchange(10, "mx.evil.example"))]
            var wrongID = message
            wrongID.id = message.id.map { ~$0 }
            wrongID.answers = [DNSMessage.record(type: Self.mx, Self.exchange(1, "attacker.example"))]
            return [wrongID.bytes, [], [0xFF], Array(wrongID.bytes.prefix(15)), right.bytes]
        } body: { resolver in
            let answer = try await resolver.mailExchanges("evil.example")
            #expect(answer.values.map(\.exchange) == ["mx.evil.example"])
        }
    }

    @Test func takesNothingFromOutsideTheServersZone() async throws {
        try await withResolver { message in
            var answer = message
            answer.answers = [DNSMessage.record(type: Self.mx, Self.exchange(10, "mx.victim.example"))]
            answer.additional = [DNSMessage.record(DNSMessage.name("mx.victim.example"), type: Self.a, [6, 6, 6, 6])]
            return [answer.bytes]
        } body: { resolver in
            _ = try await resolver.mailExchanges("evil.example")
            let addresses = try await resolver.addresses("mx.victim.example")
            #expect(addresses.values.map(\.description) == ["8.8.8.8"])
        }
    }

    /// What a server can send that no answer comes of.
    private static let useless: [(name: String, make: @Sendable (DNSMessage) -> [[UInt8]])] = [
        (
            "a name that points at itself",
            { message in
                var answer = message
                answer.answers = [
                    DNSMessage.record(type: Self.mx, [0, 10, 0xC0, UInt8(12 + message.question.count + 14)])
                ]
                return [answer.bytes]
            }
        ),
        (
            "an owner that points at itself",
            { message in
                var answer = message
                answer.question = [0xC0, 0x0C] + message.question.suffix(4)
                answer.answers = [DNSMessage.record(type: Self.mx, Self.exchange(1, "a.example"))]
                return [answer.bytes]
            }
        ),
        (
            "data longer than the message",
            { message in
                var answer = message
                answer.answers = [DNSMessage.record(type: Self.mx, length: 0xFFFF, Self.exchange(1, "a.example"))]
                return [answer.bytes]
            }
        ),
        (
            "a count without records",
            { message in
                let bytes = message.bytes
                return [Array(bytes.prefix(6)) + [0xFF, 0xFF] + Array(bytes.dropFirst(8))]
            }
        ),
        (
            "an alias of itself",
            { message in
                var answer = message
                answer.answers = [DNSMessage.record(type: Self.cname, DNSMessage.name(message.name))]
                return [answer.bytes]
            }
        ),
        (
            "aliases without end",
            { message in
                var answer = message
                let number = message.name.split(separator: ".").first.flatMap { Int($0.dropFirst()) } ?? 0
                answer.answers = [DNSMessage.record(type: Self.cname, DNSMessage.name("c\(number + 1).evil.example"))]
                return [answer.bytes]
            }
        ),
        (
            "SERVFAIL",
            { message in
                var answer = message
                answer.flags = [0x84, 0x02]
                return [answer.bytes]
            }
        ),
        (
            "REFUSED",
            { message in
                var answer = message
                answer.flags = [0x84, 0x05]
                return [answer.bytes]
            }
        ),
        (
            "truncation, and no TCP",
            { message in
                var answer = message
                answer.flags = [0x86, 0x00]
                return [answer.bytes]
            }
        ),
        ("silence", { _ in [] }),
    ]

    @Test(arguments: useless.indices)
    func isTemporarilyWithoutAnAnswer(index: Int) async throws {
        let (name, make) = Self.useless[index]
        try await withResolver(make) { resolver in
            let error = await #expect(throws: DNSError.self, "\(name)") {
                try await resolver.mailExchanges("c0.evil.example")
            }
            let isTemporary = error?.isTemporary ?? false
            #expect(isTemporary, "\(name)")
            // The others do not suffer.
            let others = try await resolver.addresses("mx.victim.example").values.map(\.description)
            #expect(others == ["8.8.8.8"])
        }
    }

    @Test func takesABoundedNumberOfRecordsAndAnyTimeToLive() async throws {
        try await withResolver { message in
            var answer = message
            answer.answers = (0..<300).map {
                let host = DNSMessage.name("h\($0)").dropLast() + [0xC0, 0x0C]
                return DNSMessage.record(type: Self.mx, timeToLive: 1 << 31, DNSMessage.number($0) + host)
            }
            return [answer.bytes]
        } body: { resolver in
            let answer = try await resolver.mailExchanges("evil.example")
            #expect((1...200).contains(answer.values.count))
            #expect(answer.values.map(\.preference) == answer.values.map(\.preference).sorted())
            #expect((0...2_147_483_648).contains(answer.timeToLive))
        }
    }

    @Test func answersOthersWhileOneIsSilent() async throws {
        try await withResolver({ _ in [] }) { resolver in
            async let silence = error(resolver)
            var answered = 0
            for index in 0..<50 where try await resolver.addresses("h\(index).victim.example").values.count == 1 {
                answered += 1
            }
            #expect(answered == 50)
            let isTemporary = await silence?.isTemporary ?? false
            #expect(isTemporary)
        }
    }

    @Test func endsWhenTheAskerIsCancelled() async throws {
        try await withResolver({ _ in [] }, timeout: .seconds(600)) { resolver in
            let task = Task { await error(resolver) }
            task.cancel()
            let isTemporary = await task.value?.isTemporary ?? false
            #expect(isTemporary)
        }
    }

    private func error(_ resolver: DNSResolver) async -> DNSError? {
        do {
            _ = try await resolver.mailExchanges("evil.example")
            return nil
        } catch {
            return error
        }
    }
}
