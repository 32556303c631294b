import CProcess

#if canImport(Glibc)
    import Glibc
#endif

/// What a daemon asks of the operating system and the runtime before it does anything else.
enum ProcessLimits {
    /// Settings of the C library and the Swift runtime that can only be given through the environment.
    ///
    /// - Two malloc arenas instead of eight a core, and early return of memory: it halves the resident size. Not earlier than
    ///   the buffers of a batch or of a FETCH come again: to fault their pages in anew cost half of accessd's time.
    /// - No crash reporter: it prints registers with nearby memory, which can be mail or passwords, into the log.
    private static let runtimeEnvironment = [
        ("MALLOC_ARENA_MAX", "2"), ("MALLOC_TRIM_THRESHOLD_", "4194304"), ("MALLOC_MMAP_THRESHOLD_", "2097152"),
        ("SWIFT_BACKTRACE", "enable=no"),
    ]

    /// Starts this program again (same process) with the runtime environment, unless it is set already.
    static func restartWithRuntimeEnvironment() {
        let missing = runtimeEnvironment.filter { getenv($0.0) == nil }
        guard !missing.isEmpty, let path = executablePath() else { return }
        for (name, value) in missing { setenv(name, value, 1) }
        execv(path, CommandLine.unsafeArgv)
        // execv came back: an odd sandbox. The daemon still works, only larger.
    }

    private static func executablePath() -> String? {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = buffer.withUnsafeMutableBytes { bytes -> Int in
            guard let base = bytes.baseAddress else { return -1 }
            return readlink("/proc/self/exe", base.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        guard count > 0, count < buffer.count else { return nil }
        return String(decoding: buffer.prefix(count), as: UTF8.self)
    }

    /// No core dumps (they hold mail), as many descriptors as the hard limit allows, no death by SIGPIPE or SIGHUP.
    static func apply() {
        var none = rlimit(rlim_cur: 0, rlim_max: 0)
        setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none)
        var files = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files) == 0 {
            files.rlim_cur = files.rlim_max
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &files)
        }
        // Nobody but root looks into the process or its environment, where the passwords of its servers are: not even
        // another daemon under the same user. A kernel that refuses leaves it as it was.
        _ = hideProcess()
        signal(SIGPIPE, SIG_IGN)
        signal(SIGHUP, SIG_IGN)
        umask(0o077)
    }
}
