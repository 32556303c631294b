import MailCore
import MessageGrammar
import Testing

@Suite struct MailDateTests {
    @Test(arguments: [
        ("Fri, 21 Nov 1997 09:55:06 -0600", 880_127_706, -360),
        ("Tue, 1 Jul 2003 10:52:37 +0200", 1_057_049_557, 120),
        ("Thu, 13 Feb 1969 23:32 -0330", -27_723_480, -210),
        (
            "Thu,\r\n      13\r\n        Feb\r\n          1969\r\n"
                + "      23:32\r\n               -0330 (Newfoundland Time)",
            -27_723_480, -210
        ),
        ("21 Nov 97 09:55:06 GMT", 880_106_106, 0),
        ("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", 880_127_706, -360),
        ("Fri, 21 Nov 97 09:55:06 CST", 880_127_706, -360),
        ("21 Nov 1997 09:55 Z", 880_106_100, 0),
        ("Mon, 1 Jan 100 00:00:00 +0000", 946_684_800, 0),
        ("1 Jan 00 00:00:00 +0000", 946_684_800, 0),
        ("19 Jan 2038 03:14:08 +0000", 2_147_483_648, 0),
        ("31 Dec 9999 23:59:59 -2359", 253_402_387_139, -1439),
        ("Thu Jan  1 00:00:10 1970", 10, 0),
        ("Thu Jan  1 00:00:10 EST 1970", 18_010, -300),
        ("1-Jan-1970 00:00:10 +0000", 10, 0),
        ("1 January 1970 00.00.10 +0000", 10, 0),
        ("29 Feb 2024 00:00:60 +0000", 1_709_164_860, 0),
        ("1 Jan 1970 00:00:00 +9999", 0, 0),
        ("1 Jan 1970 00:00:00 +9", 0, 0),
        ("1 Jan 1970 00:00:00", 0, 0),
    ])
    func parsesDateFields(text: String, seconds: Int, zone: Int) {
        let date = MailDate.parse(Array(text.utf8))
        #expect(date?.timestamp == Timestamp(seconds: Int64(seconds)))
        #expect(date?.zoneMinutes == zone)
    }

    @Test(arguments: [
        "", "yesterday", "31 Feb 2024 00:00:00 +0000", "29 Feb 2023 00:00:00 +0000", "1 Jan 99999 00:00:00 +0000",
        "1 Jan 2024 24:00:00 +0000", "1 Jan 2024 00:60:00 +0000", "1 Jan 2024", "0 Jan 2024 00:00:00 +0000",
        "1 Foo 2024 00:00:00 +0000", "99999999999999999999 Jan 2024 0:0:0", "1 Jan 1 00:00:00", "Mon,", "Jan",
        "1 Jan 1850 00:00:00 +0000",
    ])
    func refusesWhatIsNoDate(text: String) {
        #expect(MailDate.parse(Array(text.utf8)) == nil)
    }

    @Test func aMegabyteIsNoDateAndCostsNothing() {
        #expect(
            MailDate.parse([UInt8](repeating: 0x20, count: 1 << 20) + Array("1 Jan 2024 00:00:00 +0000".utf8)) == nil)
        #expect(
            MailDate.parse(Array("1 Jan 2024 00:00:00 +0000".utf8) + [UInt8](repeating: 0x78, count: 1 << 20)) != nil)
    }

    @Test func formatsAndRoundTrips() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<5_000 {
            let seconds = Int64.random(in: -2_000_000_000...250_000_000_000, using: &random)
            let date = MailDate(
                timestamp: Timestamp(seconds: seconds), zoneMinutes: Int.random(in: -1439...1439, using: &random))
            #expect(MailDate.parse(date.headerText) == date)
            let (year, month, day) = date.day.components
            #expect(CivilDay(year: year, month: month, day: day) == date.day)
        }
        let known = MailDate(timestamp: Timestamp(seconds: 880_127_706), zoneMinutes: -360)
        #expect(known.headerText == Array("Fri, 21 Nov 1997 09:55:06 -0600".utf8))
        let fraction = MailDate(timestamp: Timestamp(microseconds: -1))
        #expect(fraction.headerText == Array("Wed, 31 Dec 1969 23:59:59 +0000".utf8))
    }
}
