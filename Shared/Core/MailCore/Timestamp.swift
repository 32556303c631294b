#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A moment, as microseconds since 1970-01-01T00:00:00Z (the resolution of PostgreSQL's `timestamptz`).
package struct Timestamp: Hashable, Comparable, Sendable, Codable {
    package let microseconds: Int64

    package init(microseconds: Int64) { self.microseconds = microseconds }
    package init(seconds: Int64) { self.microseconds = seconds.multipliedReportingOverflow(by: 1_000_000).partialValue }

    package var seconds: Int64 { microseconds / 1_000_000 }

    /// The wall clock. Grammars never call it; callers pass the moment in.
    package static func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }

    package static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }
}
