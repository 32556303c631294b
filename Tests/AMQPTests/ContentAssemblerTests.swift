import AMQP
import Testing

@Suite struct ContentAssemblerTests {
    private let start = ContentAssembler.Start.delivery(tag: 7, redelivered: false, exchange: "x", routingKey: "k")

    @Test func `a body in several frames comes together`() throws {
        var assembler = ContentAssembler()
        try assembler.begin(start)
        #expect(try assembler.header(size: 5, messageID: "9") == nil)
        #expect(try assembler.body([1, 2]) == nil)
        #expect(try assembler.body([]) == nil)
        let message = try #require(try assembler.body([3, 4, 5]))
        #expect(message.start == start && message.messageID == "9" && message.body == [1, 2, 3, 4, 5])
    }

    @Test func `an empty body is complete with its header`() throws {
        var assembler = ContentAssembler()
        try assembler.begin(start)
        #expect(try assembler.header(size: 0, messageID: "")?.body == [])
        try assembler.begin(start)
    }

    @Test func `a body beyond the limit is cut, and the next message is whole`() throws {
        var assembler = ContentAssembler()
        try assembler.begin(start)
        let chunk = [UInt8](repeating: 1, count: 100_000)
        #expect(try assembler.header(size: 2_000_000, messageID: "") == nil)
        for _ in 0..<19 { #expect(try assembler.body(chunk) == nil) }
        let message = try #require(try assembler.body(chunk))
        #expect(message.isTruncated && message.body.count == ContentAssembler.maximumBody)
        try assembler.begin(start)
        _ = try assembler.header(size: 1, messageID: "")
        #expect(try assembler.body([1])?.isTruncated == false)
    }

    @Test func `an announced size of 2^64-1 allocates nothing`() throws {
        var assembler = ContentAssembler()
        try assembler.begin(start)
        #expect(try assembler.header(size: .max, messageID: "") == nil)
        #expect(try assembler.body([1]) == nil)
    }

    @Test func `frames out of order are a protocol violation`() throws {
        var idle = ContentAssembler()
        #expect(throws: AMQPError.self) { _ = try idle.header(size: 1, messageID: "") }
        #expect(throws: AMQPError.self) { _ = try idle.body([1]) }
        try idle.begin(start)
        #expect(throws: AMQPError.self) { try idle.begin(start) }
        #expect(throws: AMQPError.self) { _ = try idle.body([1]) }
        _ = try idle.header(size: 1, messageID: "")
        #expect(throws: AMQPError.self) { _ = try idle.body([1, 2]) }
    }
}
