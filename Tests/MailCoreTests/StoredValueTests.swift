import MailCore
import Testing

/// Raw values that rows and other versions hold: they never change.
@Suite struct StoredValueTests {
    @Test func `stages`() {
        #expect(
            Stage.allCases.map { "\($0) \($0.rawValue)" } == ["classify 1", "file 2", "relay 3", "late 4", "relabel 5"])
    }

    @Test func `origins`() {
        #expect(
            MailOrigin.allCases.map { "\($0) \($0.rawValue)" } == [
                "mx 1", "submission 2", "append 3", "dsn 4", "forward 5",
            ])
    }

    @Test func `labels`() {
        #expect(Verdict.Label.allCases.map(\.rawValue) == ["ham", "spam", "phish"])
        for label in Verdict.Label.allCases {
            #expect(Verdict(label: label, probability: 0.5, reasons: [], modelVersion: 1).isJunk == (label != .ham))
        }
    }

    @Test func `moments are ordered and do not trap`() {
        #expect(Timestamp(seconds: 2) > Timestamp(microseconds: 1_999_999))
        #expect(Timestamp(microseconds: -1).seconds == 0)
        _ = Timestamp(seconds: .max)
        #expect(Timestamp.now() > Timestamp(seconds: 1_600_000_000))
    }
}
