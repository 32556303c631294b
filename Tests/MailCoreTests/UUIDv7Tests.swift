import MailCore
import Testing

private struct Fixed: RandomNumberGenerator {
    var word: UInt64
    mutating func next() -> UInt64 { word }
}

/// RFC 9562.
@Suite struct UUIDv7Tests {
    /// RFC 9562 A.6: the example of version 7.
    @Test func `the example of the RFC is reproduced`() {
        let uuid = UUIDv7(high: 0x017F_22E2_79B0_7CC3, low: 0x98C4_DC0C_0C07_398F)
        #expect(uuid.description == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
        #expect(UUIDv7("017F22E2-79B0-7CC3-98C4-DC0C0C07398F") == uuid)
    }

    @Test(arguments: [UInt64.min, .max, 0x5555_5555_5555_5555])
    func `time, version and variant stand where they should`(word: UInt64) {
        var generator = Fixed(word: word)
        let uuid = UUIDv7(microseconds: 0x017F_22E2_79B0 * 1000 + 500, using: &generator)
        #expect(uuid.high >> 16 == 0x017F_22E2_79B0)
        #expect(uuid.high & 0xFFFF == 0x7800)  // version 7, half a millisecond
        #expect(uuid.low >> 62 == 0b10)
    }

    @Test func `later ones are greater, as value and as text`() {
        let ids = (0..<100).map { MailID.next(at: Timestamp(microseconds: Int64($0) * 7_777_777_777)) }
        #expect(ids == ids.sorted() && ids.map(\.description) == ids.map(\.description).sorted())
        let close = (0..<5_000).map { MailID.next(at: Timestamp(microseconds: 1_700_000_000_000_000 + Int64($0))) }
        #expect(close == close.sorted())
        #expect(Set((0..<10_000).map { _ in MailID.next(at: Timestamp(seconds: 1)) }).count == 10_000)
    }

    @Test func `a clock before 1970 or after 10889 makes an id all the same`() {
        for moment in [Int64.min, -1, .max] {
            let uuid = UUIDv7.next(at: Timestamp(microseconds: moment))
            #expect(uuid.high >> 12 & 0xF == 7)
        }
    }

    @Test func `text and value are each other's inverse`() {
        for _ in 0..<1000 {
            let id = BodyID.next()
            #expect(BodyID(id.description) == id)
        }
    }

    @Test(arguments: [
        "", "017f22e2-79b0-7cc3-98c4-dc0c0c07398", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0",
        "017f22e279b07cc398c4dc0c0c07398f", "017f22e2-79b0-7cc3-98c4dc-0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}", "017f22e2 79b0 7cc3 98c4 dc0c0c07398f",
        "０17f22e2-79b0-7cc3-98c4-dc0c0c07398f",
        "------------------------------------", "017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n",
    ])
    func `anything else is no id`(text: String) { #expect(UUIDv7(text) == nil) }
}
