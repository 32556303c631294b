import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A thread that sleeps in `poll` until libunbound has answers, and hands them out.
final class AnswerListener: Sendable {
    private let pipe = Mutex<(read: Int32, write: Int32)?>(nil)

    /// Runs `process` on an own thread whenever `descriptor` becomes readable, until `stop()`.
    func start(reading descriptor: Int32, process: @escaping @Sendable () -> Int32) {
        var ends: [Int32] = [-1, -1]
        guard pipe.withLock({ $0 == nil }), Glibc.pipe(&ends) == 0 else { return }
        let stopEnd = ends[0]
        pipe.withLock { $0 = (ends[0], ends[1]) }
        let work = Unmanaged.passRetained(
            Work {
                var polled = [
                    pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: stopEnd, events: Int16(POLLIN), revents: 0),
                ]
                while true {
                    let count = poll(&polled, 2, -1)
                    if count < 0, errno != EINTR { break }
                    if polled[1].revents != 0 { break }
                    if count > 0, polled[0].revents != 0, process() != 0 { break }
                }
                close(stopEnd)
            })
        var thread = pthread_t()
        let status = pthread_create(&thread, nil, threadMain, work.toOpaque())
        // Our own limit (threads, memory), not a peer's doing.
        precondition(status == 0, "cannot start a thread: error \(status)")
        pthread_detach(thread)
    }

    func stop() {
        guard
            let ends = pipe.withLock({ ends in
                defer { ends = nil }
                return ends
            })
        else { return }
        close(ends.write)
    }
}

private final class Work: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

private func threadMain(_ work: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let work { Unmanaged<Work>.fromOpaque(work).takeRetainedValue().run() }
    return nil
}
