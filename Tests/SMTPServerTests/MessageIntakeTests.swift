import MailCore
import NIOCore
import SMTPServer
import Storage
import Synchronization
import Testing

private let trace = "Received: from us\r\n"
private let dot = "\r\n.\r\n"

/// Keeps what it is given; fails when told to.
private struct MemorySink: MessageIntake.Sink {
    final class Store: Sendable { let pieces = Mutex<[[UInt8]]>([]) }
    struct Broken: Error {}

    let store: Store
    var isBroken = false

    mutating func append(_ bytes: some Collection<UInt8> & Sendable) async throws {
        if isBroken { throw Broken() }
        store.pieces.withLock { $0.append(Array(bytes)) }
    }

    mutating func finish() async throws -> AcceptedBody {
        .stored(.next(), size: store.pieces.withLock { $0.reduce(0) { $0 + $1.count } })
    }
}

private struct Outcome {
    var body: String?
    var stored = 0
    var largestPiece = 0
    var refusal: MessageOutcome?
    var rest = ""
}

/// Feeds the text in pieces of the given size.
private func take(
    _ text: String, pieces: Int = .max, maximumSize: Int = 1 << 30, completes: Bool = false, broken: Bool = false
) async -> Outcome {
    let store = MemorySink.Store()
    var intake = MessageIntake(
        trace: Array(trace.utf8),
        rules: .init(
            maximumSize: maximumSize, maximumReceivedFields: 100,
            completion: completes ? .init(date: Array("today".utf8), messageID: "1@mx") : nil),
        openSink: { MemorySink(store: store, isBroken: broken) })
    let bytes = Array(text.utf8)
    var outcome = Outcome()
    var position = 0
    while position < bytes.count {
        let end = min(bytes.count, pieces == .max ? bytes.count : position + pieces)
        if intake.isEnded {
            outcome.rest += String(decoding: bytes[position..<end], as: UTF8.self)
        } else {
            let consumed = intake.take(ByteBuffer(bytes: bytes[position..<end]))
            outcome.rest += String(decoding: bytes[(position + consumed)..<end], as: UTF8.self)
            await intake.spill()
        }
        position = end
    }
    #expect(intake.isEnded)
    switch await intake.finish() {
    case .success(let message):
        switch message.body {
        case .inline(let bytes): outcome.body = String(decoding: bytes, as: UTF8.self)
        case .stored(_, let size): outcome.stored = size
        }
    case .failure(let refusal): outcome.refusal = refusal.outcome
    }
    outcome.largestPiece = store.pieces.withLock { $0.map(\.count).max() ?? 0 }
    return outcome
}

@Suite struct MessageIntakeTests {
    @Test(arguments: [1, 2, 3, 7, .max])
    func bytesAsSentBehindTheTrace(_ pieces: Int) async {
        let outcome = await take("Subject: s\r\n\r\n..dot\r\n.x" + dot + "QUIT\r\n", pieces: pieces)
        #expect(outcome.body == trace + "Subject: s\r\n\r\n.dot\r\nx\r\n")
        #expect(outcome.rest == "QUIT\r\n")
    }

    @Test func anEmptyMail() async {
        #expect(await take(".\r\n").body == trace)
    }

    @Test(arguments: [1, 5, .max])
    func smuggledEndsAreContentAndRefused(_ pieces: Int) async {
        for end in ["\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "\r\n.\r"] {
            let outcome = await take("x\(end)MAIL FROM:<m@evil.test>" + dot, pieces: pieces)
            #expect(outcome.refusal == .bareNewline)
            #expect(outcome.rest.isEmpty)
        }
    }

    @Test func tooLargeIsKnownAtTheEnd() async {
        #expect(await take(String(repeating: "x", count: 101) + dot, maximumSize: 100).refusal == .tooLarge)
        #expect(await take(String(repeating: "x", count: 98) + dot, maximumSize: 100).body != nil)
    }

    @Test func largeMailLeavesInPieces() async {
        let text = "Subject: s\r\n\r\n" + String(repeating: "0123456789\r\n", count: 100_000)
        let outcome = await take(text + ".\r\n", pieces: 16_384)
        #expect(outcome.stored == text.utf8.count + trace.utf8.count)
        #expect(outcome.largestPiece <= 262_144 + 16_384)
    }

    @Test func aFailingStoreIsATemporaryFailure() async {
        let text = String(repeating: "0123456789\r\n", count: 100_000)
        #expect(await take(text + ".\r\n", pieces: 16_384, broken: true).refusal == .temporaryFailure)
    }

    @Test func loops() async {
        let hop = "Received: from a by b; today\r\n"
        #expect(await take(String(repeating: hop, count: 101) + "\r\nx" + dot).refusal == .loop)
        #expect(await take(String(repeating: hop, count: 100) + "\r\nx" + dot).body != nil)
        #expect(await take("\r\n" + String(repeating: hop, count: 101) + dot).body != nil)
    }

    @Test func submissionsAreCompleted() async {
        #expect(
            await take("Subject: s\r\n\r\nx" + dot, completes: true).body
                == trace + "Date: today\r\nMessage-ID: <1@mx>\r\nSubject: s\r\n\r\nx\r\n")
        let whole = "date: d\r\nMESSAGE-ID: <a>\r\n\r\nx"
        #expect(await take(whole + dot, completes: true).body == trace + whole + "\r\n")
    }
}
