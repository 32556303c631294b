import CRabbitMQ

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Wakes the thread that sleeps in `poll` on a connection.
final class Wakeup: Sendable {
    /// -1 when the process was out of descriptors; `poll` ignores it, and the connection's own ticks take its place.
    let descriptor: Int32 = crabbitmq_eventfd()

    deinit { if descriptor >= 0 { close(descriptor) } }

    func signal() { crabbitmq_signal(descriptor) }

    func drain() { crabbitmq_drain(descriptor) }

    struct Readiness {
        var isReadable = false
        var isWritable = false
        var isWoken = false
    }

    /// Sleeps until the socket has input (or, if wanted, room for output), somebody signals, or the time is over.
    func wait(socket: Int32, wantsWrite: Bool, for timeout: Duration) -> Readiness {
        var descriptors = [
            pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: socket, events: Int16(POLLIN) | (wantsWrite ? Int16(POLLOUT) : 0), revents: 0),
        ]
        guard poll(&descriptors, 2, max(timeout, .zero).wholeMilliseconds) > 0 else { return Readiness() }
        var readiness = Readiness()
        readiness.isWoken = descriptors[0].revents != 0
        if readiness.isWoken { drain() }
        let events = Int32(descriptors[1].revents)
        // An error or hang-up is found by reading.
        readiness.isReadable = events & (POLLIN | POLLERR | POLLHUP) != 0
        readiness.isWritable = events & POLLOUT != 0
        return readiness
    }
}

extension Duration {
    /// Rounded up, so that a timer is over when its wait is; at most an hour.
    var wholeMilliseconds: Int32 {
        let (seconds, attoseconds) = components
        guard seconds < 3600 else { return 3_600_000 }
        return Int32(clamping: seconds * 1000 + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }

    var timeval: Glibc.timeval {
        Glibc.timeval(tv_sec: Int(components.seconds), tv_usec: Int(components.attoseconds / 1_000_000_000_000))
    }
}
