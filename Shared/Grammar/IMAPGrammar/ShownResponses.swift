/// A response as whoever watches may see it: its syntax as on the wire, and of content the length alone. Only a writer
/// makes one, because it knows what of its bytes is what.
package struct ShownResponse: Sendable, Equatable {
    package let text: [UInt8]

    fileprivate init(_ text: [UInt8]) { self.text = text }
}

/// What a writer keeps for whoever watches, while it writes.
struct ShownResponses: Sendable {
    /// Of a longer series the rest is counted.
    static let longestSeries = 32
    static let longestLine = 256

    private var complete: [ShownResponse] = []
    private var line: [UInt8] = []
    private var inSeries = 0
    /// Bytes of the writer before this are in `line`, or are content.
    private var position = 0

    private var room: Int { inSeries < Self.longestSeries ? max(0, Self.longestLine - line.count) : 0 }

    /// What was written since the last call is syntax.
    mutating func add(_ bytes: [UInt8]) {
        line.append(contentsOf: bytes[position...].prefix(room))
        position = bytes.count
    }

    /// What was written since the last call, up to `end`, is not shown.
    mutating func skip(to end: Int) { position = end }

    mutating func showSize(_ size: Int) {
        if room > 0 { line.append(contentsOf: "<\(size) bytes>".utf8) }
    }

    mutating func endResponse() {
        if inSeries < Self.longestSeries { complete.append(ShownResponse(line)) }
        inSeries += 1
        line.removeAll(keepingCapacity: true)
    }

    /// The responses that are complete, each once.
    mutating func take(endOfSeries: Bool) -> [ShownResponse] {
        var taken: [ShownResponse] = []
        swap(&taken, &complete)
        guard endOfSeries else { return taken }
        let leftOut = inSeries - Self.longestSeries
        inSeries = 0
        if leftOut > 0 { taken.append(ShownResponse(Array("(\(leftOut) more responses)".utf8))) }
        return taken
    }
}
