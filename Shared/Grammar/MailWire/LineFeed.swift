#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Finds ends of lines at the speed of memory.
package enum LineFeed {
    package static func find(in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = bytes.baseAddress, start >= 0, start < bytes.count else { return nil }
        return memchr(base + start, Int32(UInt8.lineFeed), bytes.count - start).map { UnsafeRawPointer($0) - base }
    }
}
