#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Keeps file descriptors free. A process without any cannot open its database or its log; and the runtime's thread
/// pool, which looks at its workers through /proc, takes a failed `open` for a broken invariant and ends the process.
struct DescriptorBudget: Sendable {
    /// For the database, the broker, files and the runtime.
    private static let reserve = 40

    /// Descriptors in use besides the connections.
    private let base: Int

    /// Counts what is open now.
    init() {
        var count = 0
        if let directory = opendir("/proc/self/fd") {
            while readdir(directory) != nil { count += 1 }
            closedir(directory)
        }
        base = count
    }

    /// Whether one more connection leaves enough. The limit is asked for each time: it can be changed from outside.
    func allows(_ connections: Int) -> Bool {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(UInt32(RLIMIT_NOFILE.rawValue)), &limit) == 0 else { return true }
        let most = Int(clamping: limit.rlim_cur)
        return connections < max(8, most - base - Self.reserve)
    }
}
