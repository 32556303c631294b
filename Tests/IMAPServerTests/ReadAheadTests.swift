import IMAPServer
import Testing

@Suite struct ReadAheadTests {
    @Test func `who reads in order gets more with each query, up to a limit`() {
        var readAhead = ReadAhead()
        var spans: [Range<Int>] = []
        var position = 0
        while position < 60 {
            spans.append(readAhead.span(from: position, of: 60))
            position = spans.last?.upperBound ?? 60
        }
        #expect(spans == [0..<1, 1..<3, 3..<7, 7..<15, 15..<31, 31..<47, 47..<60])
        #expect(readAhead.span(from: 3, of: 60) == 3..<4)
        #expect(readAhead.span(from: 4, of: 60) == 4..<6)
    }
}
