import Storage

/// Bodies that the next commands will ask for, if the client goes on to read one message after the other as it does now:
/// then soon many come from each query. One that jumps about gets what it asks for.
package struct ReadAhead {
    /// Most messages of one query, and the largest body that is read ahead: together half a megabyte.
    static let maximumCount = 16
    static let largestBody = 32 * 1024

    private var rows: [UInt32: MessageStore.Row] = [:]
    private var columns: MessageStore.Columns = []
    private var reach = 1
    private var expected: Int?

    package init() {}

    var isEmpty: Bool { rows.isEmpty }

    mutating func take(_ uid: UInt32, _ columns: MessageStore.Columns) -> MessageStore.Row? {
        if columns != self.columns { self = ReadAhead() }
        self.columns = columns
        if let row = rows.removeValue(forKey: uid) { return row }
        rows = [:]
        return nil
    }

    /// What to read now that the message at `position` of `count` is wanted and not there.
    package mutating func span(from position: Int, of count: Int) -> Range<Int> {
        reach = position == expected ? min(reach * 2, Self.maximumCount) : 1
        let end = min(position + reach, count)
        expected = end
        return position..<end
    }

    mutating func keep(_ rows: [MessageStore.Row]) {
        for row in rows { self.rows[row.uid] = row }
    }
}
