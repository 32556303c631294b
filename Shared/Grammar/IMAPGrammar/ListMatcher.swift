/// A LIST pattern ready to be tried on names (RFC 3501 6.3.8): `*` matches anything, `%` anything but the delimiter.
///
/// The pattern is a non-deterministic automaton whose states are bits: time is (bytes of the name) x (bytes of the
/// pattern / 64), whatever wildcards it has. There is no backtracking, which a pattern
/// of many wildcards could drive to exponential time.
package struct ListMatcher: Sendable {
    /// Bit i is set in the row of byte b when position i of the pattern is the literal b.
    private var literals: [UInt64]
    private var stars: [UInt64]
    private var percents: [UInt64]
    private let words: Int
    /// The state in which the whole pattern has matched.
    private let final: Int
    private let utf8: Bool
    /// Without wildcards a pattern is compared, nothing more.
    private let isPlain: Bool

    package init(pattern: [UInt8], utf8: Bool) {
        let tokens = Self.collapsed(pattern)
        final = tokens.count
        words = tokens.count / 64 + 1
        self.utf8 = utf8
        literals = Array(repeating: 0, count: 256 * words)
        stars = Array(repeating: 0, count: words)
        percents = stars
        isPlain = !tokens.contains(UInt8(ascii: "*")) && !tokens.contains(UInt8(ascii: "%"))
        for (index, token) in tokens.enumerated() {
            let bit = UInt64(1) << UInt64(index % 64)
            switch token {
            case UInt8(ascii: "*"): stars[index / 64] |= bit
            case UInt8(ascii: "%"): percents[index / 64] |= bit
            default: literals[Int(token) * words + index / 64] |= bit
            }
        }
    }

    /// A run of wildcards means the same as one: `*` if it has a `*`, otherwise `%`.
    private static func collapsed(_ pattern: [UInt8]) -> [UInt8] {
        var tokens: [UInt8] = []
        for byte in pattern {
            let isWild = byte == UInt8(ascii: "*") || byte == UInt8(ascii: "%")
            if isWild, let last = tokens.last, last == UInt8(ascii: "*") || last == UInt8(ascii: "%") {
                if byte == UInt8(ascii: "*") { tokens[tokens.count - 1] = byte }
            } else {
                tokens.append(byte)
            }
        }
        return tokens
    }

    package func matches(_ name: MailboxName) -> Bool {
        let bytes = utf8 ? Array(name.value.utf8) : name.modifiedUTF7
        guard !isPlain || bytes.count == final else { return false }
        // RFC 3501 5.1: INBOX is matched without case, also as the first level of a name.
        let folded = name.isInbox || name.isBelow(.inbox) ? 5 : 0
        var state = [UInt64](repeating: 0, count: words)
        state[0] = 1
        skipWildcards(&state)
        for (index, byte) in bytes.enumerated() {
            guard step(&state, byte, folded: index < folded) else { return false }
        }
        return state[final / 64] >> UInt64(final % 64) & 1 == 1
    }

    /// One byte of the name; false when no state is left.
    private func step(_ state: inout [UInt64], _ byte: UInt8, folded: Bool) -> Bool {
        let row = Int(byte) * words
        let other = Int(byte | 0x20) * words
        let stays = byte != UInt8(ascii: "/")
        var carry: UInt64 = 0
        var any: UInt64 = 0
        for word in 0..<words {
            let literal = folded ? literals[row + word] | literals[other + word] : literals[row + word]
            let advanced = state[word] & literal
            let kept = state[word] & (stays ? stars[word] | percents[word] : stars[word])
            state[word] = (advanced << 1) | carry | kept
            carry = advanced >> 63
            any |= state[word]
        }
        guard any != 0 else { return false }
        skipWildcards(&state)
        return true
    }

    /// A wildcard may match nothing: its state leads on without a byte. After collapsing no two stand together, so one
    /// pass is enough.
    private func skipWildcards(_ state: inout [UInt64]) {
        var carry: UInt64 = 0
        for word in 0..<words {
            let wild = state[word] & (stars[word] | percents[word])
            state[word] |= (wild << 1) | carry
            carry = wild >> 63
        }
    }
}
