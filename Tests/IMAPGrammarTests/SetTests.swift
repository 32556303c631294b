import IMAPGrammar
import Testing

@Suite("Sequence sets and number sets")
struct SetTests {
    private func set(_ text: String) throws -> SequenceSet {
        guard case .uidExpunge(let set) = try command("UID EXPUNGE " + text) else { return SequenceSet([]) }
        return set
    }

    @Test(
        "resolves to sorted disjoint ranges",
        arguments: [
            ("1", 10, [1...1]), ("3:1", 10, [1...3]), ("1,2,3,5", 10, [1...3, 5...5]), ("*", 10, [10...10]),
            ("*:*", 10, [10...10]), ("5:*", 3, [3...5]), ("*:5", 3, [3...5]), ("7:9,1:3,2:8", 10, [1...9]),
            ("4294967295:*", 10, [10...4_294_967_295]), ("*", 0, []), ("1:*", 0, []), ("2", 0, [2...2]),
            ("1:4294967295,4294967295", 5, [1...4_294_967_295]),
        ] as [(String, UInt32, [ClosedRange<UInt32>])])
    func resolves(text: String, largest: UInt32, ranges: [ClosedRange<UInt32>]) throws {
        #expect(try set(text).resolved(largest: largest).ranges == ranges)
    }

    @Test("knows the largest number that was named")
    func largest() throws {
        #expect(try set("1,7:3,*").largestNumber == 7)
        #expect(try set("*").largestNumber == 0)
    }

    @Test("counts, contains and clamps without walking")
    func queries() throws {
        let numbers = try set("1:3,10,20:4294967295").resolved(largest: 5)
        #expect(numbers.count == 4 + 4_294_967_276)
        #expect([1, 3, 10, 20, .max].allSatisfy(numbers.contains))
        #expect([4, 9, 11, 19].allSatisfy { !numbers.contains($0) })
        #expect(numbers.clamped(to: 2...25).ranges == [2...3, 10...10, 20...25])
        #expect(numbers.first == 1 && numbers.last == .max)
        #expect(!NumberSet().contains(0) && NumberSet().count == 0)
    }

    @Test("finds the members among sorted UIDs", arguments: 0..<50)
    func indices(seed: UInt64) {
        var random = Random(state: seed)
        let uids = Set((0..<80).map { _ in UInt32.random(in: 1...200, using: &random) }).sorted()
        let ranges = (0..<10).map { _ in
            let first = UInt32.random(in: 1...220, using: &random)
            return first...(first + UInt32.random(in: 0...15, using: &random))
        }
        let numbers = NumberSet(ranges)
        var found: [UInt32] = []
        numbers.forEachIndex(in: uids) { found.append(uids[$0]) }
        #expect(found == uids.filter { uid in ranges.contains { $0.contains(uid) } })
        #expect(NumberSet(numbers: uids.shuffled(using: &random)) == NumberSet(uids.map { $0...$0 }))
        for (left, right) in zip(numbers.ranges, numbers.ranges.dropFirst()) {
            #expect(left.upperBound + 1 < right.lowerBound)
        }
    }

    @Test("builds from a scan, and from numbers out of order")
    func appending() {
        var numbers = NumberSet()
        for number in [1, 2, 3, 7, 8, 5, 9, .max, .max] as [UInt32] { numbers.append(number) }
        #expect(numbers.ranges == [1...3, 5...5, 7...9, .max ... .max])
    }

    @Test("written sets parse back", arguments: 0..<50)
    func roundTrip(seed: UInt64) throws {
        var random = Random(state: seed)
        let numbers = NumberSet(numbers: (0..<40).map { _ in UInt32.random(in: 1...100, using: &random) })
        var writer = IMAPResponseWriter()
        writer.numberSet(numbers)
        #expect(try set(String(decoding: writer.bytes, as: UTF8.self)).resolved(largest: 0) == numbers)
    }
}
