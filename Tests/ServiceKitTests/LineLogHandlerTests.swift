import Logging
import ServiceKit
import Synchronization
import Testing

@Suite("Log")
struct LineLogHandlerTests {
    private final class Sink: Sendable {
        let bytes = Mutex<[UInt8]>([])
        var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }
    }

    private func logger(_ format: LineLogHandler.Format, _ sink: Sink) -> Logger {
        Logger(label: "smtpd") { label in
            LineLogHandler(label: label, level: .info, format: format) { bytes in
                sink.bytes.withLock { $0 += bytes }
            }
        }
    }

    @Test("a record is one line of text")
    func text() {
        let sink = Sink()
        logger(.text, sink).info("mail accepted", metadata: [LogKey.mailID: "0199", LogKey.reason: "a \"b\""])
        let text = sink.text
        #expect(text.hasPrefix("time=2"))
        #expect(text.hasSuffix("Z level=info daemon=smtpd msg=\"mail accepted\" mail.id=0199 reason=\"a \\\"b\\\"\"\n"))
    }

    @Test("control characters and direction overrides of a peer never reach the terminal")
    func hostile() {
        for format in LineLogHandler.Format.allCases {
            let sink = Sink()
            logger(format, sink).warning(
                "\u{1B}[2J\r\nlevel=critical", metadata: [LogKey.peer: "a\u{202E}b\u{9B}\u{0}\u{2028}"])
            let text = sink.text
            #expect(text.unicodeScalars.filter { $0.value < 32 } == ["\n"])
            #expect(text.utf8.last == UInt8(ascii: "\n"))
            #expect(text.contains("\\u001b[2J\\r\\nlevel=critical"))
            #expect(!text.unicodeScalars.contains { [0x202E, 0x9B, 0x2028].contains($0.value) })
        }
    }

    @Test("JSON has the same fields as strings")
    func json() {
        let sink = Sink()
        logger(.json, sink).error("broken", metadata: [LogKey.count: "3"])
        #expect(sink.text.contains("\"level\":\"error\",\"daemon\":\"smtpd\",\"msg\":\"broken\",\"count\":\"3\"}\n"))
    }

    @Test("levels below the set one are left out")
    func levels() {
        let sink = Sink()
        logger(.text, sink).debug("quiet")
        #expect(sink.text.isEmpty)
    }

    @Test("moments are RFC 3339 in UTC")
    func moments() {
        #expect(rfc3339(seconds: 0, milliseconds: 7) == "1970-01-01T00:00:00.007Z")
        #expect(rfc3339(seconds: 1_795_305_600, milliseconds: 120) == "2026-11-22T00:00:00.120Z")
    }
}
