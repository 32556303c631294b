/// How many letters must be changed, added, dropped or swapped to get from one word to the other.
enum EditDistance {
    /// `limit + 1` if it is more than that.
    static func between(_ first: String, _ second: String, atMost limit: Int) -> Int {
        let first = Array(first.utf8.prefix(100))
        let second = Array(second.utf8.prefix(100))
        guard abs(first.count - second.count) <= limit else { return limit + 1 }
        var before: [Int] = []
        var row = Array(0...second.count)
        for (index, letter) in first.enumerated() {
            var next = [index + 1]
            for (column, other) in second.enumerated() {
                var best = min(next[column] + 1, row[column + 1] + 1, row[column] + (letter == other ? 0 : 1))
                if index > 0, column > 0, letter == second[column - 1], first[index - 1] == other {
                    best = min(best, before[column - 1] + 1)
                }
                next.append(best)
            }
            before = row
            row = next
        }
        return min(row[second.count], limit + 1)
    }
}
