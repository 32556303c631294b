package import MailCore

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Clock and disks of the machine this runs on.
package enum MachineCheck {
    // MARK: - Clock

    /// - Parameter database: the database's clock, and how long its answer took at most.
    package static func clock(database: (now: Timestamp, roundTrip: Duration)?, here: Timestamp = .now()) -> [Finding] {
        var findings = [kernelClock()]
        if let database {
            let apart = Double(here.microseconds - database.now.microseconds) / 1e6
            let allowed = 2 + Double(database.roundTrip.components.seconds)
            if abs(apart) > allowed {
                findings.append(
                    Finding(
                        "clock", "database", .problem,
                        "its clock is \(Int(abs(apart))) s \(apart > 0 ? "behind" : "ahead")",
                        why: "Leases and retries follow the database's clock, dates in mail this machine's.",
                        advice: "Let both keep time: `timedatectl set-ntp true` (systemd-timesyncd or chrony)."))
            }
        }
        return findings
    }

    /// What the kernel says about being kept in step (adjtimex(2)).
    private static func kernelClock() -> Finding {
        switch clockState() {
        case (0...4)?: return Finding("clock", "this machine", .ok, "kept in step")
        case 5?:
            return Finding(
                "clock", "this machine", .warning, "nothing keeps it in step",
                why:
                    "With a wrong clock certificates and signatures look expired, and mail gets odd dates.",
                advice: "Install what does: apt-get install systemd-timesyncd, or chrony.")
        default: return Finding("clock", "this machine", .unknown, "the kernel does not say whether it is kept in step")
        }
    }

    /// `adjtimex(2)` with nothing to change: 0 to 4 when the clock is kept in step, 5 (TIME_ERROR) when not.
    ///
    /// Its header is not among those that Swift imports; `struct timex`, whose first word says what to change, has less
    /// than 512 bytes on every architecture.
    private static func clockState() -> Int32? {
        typealias Call = @convention(c) (UnsafeMutableRawPointer) -> Int32
        guard let symbol = dlsym(nil, "adjtimex") else { return nil }
        return withUnsafeTemporaryAllocation(byteCount: 512, alignment: 16) { buffer in
            guard let state = buffer.baseAddress else { return nil }
            buffer.initializeMemory(as: UInt8.self, repeating: 0)
            return unsafeBitCast(symbol, to: Call.self)(state)
        }
    }

    // MARK: - Disks

    /// One finding per file system that the paths are on; a path that is not there is left out.
    package static func disks(_ paths: [String]) -> [Finding] {
        var seen: Set<UInt64> = []
        return paths.compactMap { path in
            var status = stat()
            var system = statvfs()
            guard stat(path, &status) == 0, seen.insert(UInt64(status.st_dev)).inserted,
                statvfs(path, &system) == 0, system.f_blocks > 0
            else { return nil }
            return disk(
                path, free: UInt64(system.f_bavail) * UInt64(system.f_frsize),
                total: UInt64(system.f_blocks) * UInt64(system.f_frsize),
                freeFiles: system.f_files > 0 ? Double(system.f_favail) / Double(system.f_files) : nil)
        }
    }

    package static func disk(_ path: String, free: UInt64, total: UInt64, freeFiles: Double?) -> Finding {
        let share = Double(free) / Double(max(total, 1))
        let text = "\(size(free)) of \(size(total)) free"
        let why = "When it is full, PostgreSQL stops and mail is answered 451: senders keep it and come again."
        let advice = "Make room: `du -xh --max-depth=2 \(path) | sort -h | tail`, or give the file system more."
        if free < 512 << 20 || share < 0.02 {
            return Finding("disk", path, .problem, text, why: why, advice: advice)
        }
        if let freeFiles, freeFiles < 0.02 {
            return Finding(
                "disk", path, .problem, "\(text), but hardly a file can be made (inodes)", why: why, advice: advice)
        }
        if free < 2 << 30 || share < 0.08 {
            return Finding("disk", path, .warning, text, why: why, advice: advice)
        }
        return Finding("disk", path, .ok, text)
    }

    static func size(_ bytes: UInt64) -> String {
        if bytes >= 10 << 30 { return "\(bytes >> 30) GiB" }
        return bytes >= 10 << 20 ? "\(bytes >> 20) MiB" : "\(bytes >> 10) KiB"
    }
}
