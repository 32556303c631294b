/// Writes the primitives of the stored summary: LEB128 varints and counted bytes.
struct SummaryWriter {
    private(set) var bytes: [UInt8] = []

    init() { bytes.reserveCapacity(512) }

    mutating func byte(_ value: UInt8) { bytes.append(value) }

    mutating func unsigned(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// For counts and offsets, which are never negative.
    mutating func count(_ value: Int) { unsigned(UInt64(max(0, value))) }

    /// Zigzag.
    mutating func signed(_ value: Int64) { unsigned(UInt64(bitPattern: (value << 1) ^ (value >> 63))) }

    mutating func data(_ value: [UInt8]) {
        count(value.count)
        bytes.append(contentsOf: value)
    }

    mutating func text(_ value: String) {
        count(value.utf8.count)
        bytes.append(contentsOf: value.utf8)
    }

    /// 0 is nil, otherwise the length plus one.
    mutating func optionalData(_ value: [UInt8]?) {
        guard let value else { return byte(0) }
        count(value.count + 1)
        bytes.append(contentsOf: value)
    }
}
