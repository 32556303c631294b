import IMAPGrammar
import MailCore
import Testing

@Suite("Dates")
struct DateTests {
    @Test("calendar days count from 1970 and back")
    func calendar() {
        for days in stride(from: -719_500, through: 2_932_896, by: 97) {
            let date = IMAPDate(days: days)
            let parts = date.calendar
            guard parts.year >= 0 else { continue }
            #expect(IMAPDate(year: parts.year, month: parts.month, day: parts.day) == date)
        }
        #expect(IMAPDate(year: 2000, month: 3, day: 1)?.days == 11_017)
        #expect(IMAPDate(year: 2001, month: 2, day: 29) == nil)
    }

    @Test("the day of a moment, before 1970 too")
    func moments() {
        #expect(IMAPDate(Timestamp(microseconds: -1)).days == -1)
        #expect(IMAPDate(Timestamp(seconds: 86_399)).days == 0)
        #expect(IMAPDate(Timestamp(seconds: 86_399), offset: 1).days == 1)
    }

    @Test(
        "date-time of APPEND",
        arguments: [
            ("17-Jul-1996 02:44:25 -0700", 837_596_665, -420), (" 1-Jan-1970 00:00:00 +0000", 0, 0),
            ("01-Jan-1970 01:00:00 +0100", 0, 60), ("31-Dec-1969 23:59:60 +0000", 0, 0),
            ("19-Jan-2038 03:14:08 +0000", 2_147_483_648, 0),
        ] as [(String, Int64, Int)])
    func dateTimes(text: String, seconds: Int64, zone: Int) throws {
        guard case .append(let append) = try command("APPEND a \"\(text)\" {1}") else { return }
        #expect(append.internalDate == IMAPDateTime(moment: Timestamp(seconds: seconds), zone: zone))
    }

    @Test(
        "a written INTERNALDATE parses back",
        arguments: [0, 1, -1, 837_596_665, 2_147_483_648, 253_402_300_799, -62_000_000_000] as [Int64])
    func roundTrip(seconds: Int64) throws {
        var writer = IMAPResponseWriter()
        writer.internalDate(Timestamp(seconds: seconds))
        let text = String(decoding: writer.bytes, as: UTF8.self)
        #expect(
            try command("APPEND a \(text) {1}")
                == .append(.init(mailbox: .init(stored: "a"), internalDate: .init(moment: Timestamp(seconds: seconds))))
        )
    }

    @Test("any stored moment can be written", arguments: [Int64.min, .max, -1, 0])
    func extremes(microseconds: Int64) {
        var writer = IMAPResponseWriter()
        writer.internalDate(Timestamp(microseconds: microseconds))
        #expect(writer.count == 28)
    }
}
