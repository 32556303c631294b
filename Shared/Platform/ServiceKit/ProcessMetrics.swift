#if canImport(Glibc)
    import Glibc
#endif

/// What the kernel says of this process, under the names that Prometheus clients share.
package enum ProcessMetrics {
    package static func residentBytes() -> Int {
        guard let text = contents("/proc/self/statm") else { return 0 }
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return 0 }
        return pages.multipliedReportingOverflow(by: Int(sysconf(Int32(_SC_PAGESIZE)))).partialValue
    }

    static func read() -> [MetricFamily] {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let seconds = Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        let micros = Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
        return [
            family("process_resident_memory_bytes", "Resident memory.", .gauge, Double(residentBytes())),
            family("process_cpu_seconds_total", "User and system CPU time.", .counter, seconds + micros / 1_000_000),
            family("process_open_fds", "Open file descriptors.", .gauge, Double(openDescriptors())),
        ]
    }

    private static func family(_ name: String, _ help: String, _ kind: MetricKind, _ value: Double) -> MetricFamily {
        MetricFamily(name: name, help: help, kind: kind, samples: [MetricSample(labels: [], value: value)])
    }

    private static func openDescriptors() -> Int {
        guard let directory = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return max(0, count - 3)  // ".", ".." and this directory itself
    }

    private static func contents(_ path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 512)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return nil }
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }
}
