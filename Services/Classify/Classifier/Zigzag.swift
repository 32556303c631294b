/// Signed as unsigned, small numbers first: 0, -1, 1, -2, 2, ...
enum Zigzag {
    static func encode(_ value: Int32) -> UInt32 { UInt32(bitPattern: value << 1 ^ value >> 31) }
    static func decode(_ value: UInt32) -> Int32 { Int32(bitPattern: value >> 1) ^ -Int32(bitPattern: value & 1) }
}
