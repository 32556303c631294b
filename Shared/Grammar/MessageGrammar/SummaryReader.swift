/// A stored summary that cannot be read: cut off, damaged, or of a later version.
package enum SummaryDecodingError: Error, Equatable {
    case unknownVersion(UInt8)
    case truncated
    case corrupt
}

/// Reads what `SummaryWriter` wrote. Every length is checked against the bytes that are there before it is used.
struct SummaryReader {
    /// No offset, size or count of a mail comes near this.
    private static let maximumCount: UInt64 = 1 << 48

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var isAtEnd: Bool { position >= bytes.count }

    mutating func byte() throws(SummaryDecodingError) -> UInt8 {
        guard position < bytes.count else { throw .truncated }
        defer { position += 1 }
        return bytes[position]
    }

    mutating func unsigned() throws(SummaryDecodingError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            guard shift < 63 || next <= 1 else { throw .corrupt }
            value |= UInt64(next & 0x7F) << shift
            if next < 0x80 { return value }
            shift += 7
            guard shift <= 63 else { throw .corrupt }
        }
    }

    mutating func count() throws(SummaryDecodingError) -> Int {
        let value = try unsigned()
        guard value <= Self.maximumCount else { throw .corrupt }
        return Int(value)
    }

    /// The number of elements that follow, each of at least one byte.
    mutating func elements() throws(SummaryDecodingError) -> Int {
        let value = try count()
        guard value <= bytes.count - position else { throw .truncated }
        return value
    }

    mutating func signed() throws(SummaryDecodingError) -> Int64 {
        let value = try unsigned()
        return Int64(bitPattern: value >> 1) ^ -Int64(value & 1)
    }

    private mutating func slice(_ length: Int) throws(SummaryDecodingError) -> UnsafeRawBufferPointer {
        guard length >= 0, length <= bytes.count - position else { throw .truncated }
        defer { position += length }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<(position + length)])
    }

    mutating func data() throws(SummaryDecodingError) -> [UInt8] { [UInt8](try slice(try count())) }

    mutating func text() throws(SummaryDecodingError) -> String {
        String(decoding: try slice(try count()), as: UTF8.self)
    }

    mutating func optionalData() throws(SummaryDecodingError) -> [UInt8]? { try optionalSlice().map { [UInt8]($0) } }

    /// The same where it lies.
    mutating func optionalSlice() throws(SummaryDecodingError) -> UnsafeRawBufferPointer? {
        let length = try count()
        return length == 0 ? nil : try slice(length - 1)
    }
}
