#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A serial executor that owns one thread: blocking C calls run there, never on the cooperative pool or an event loop.
///
/// Give an actor its own `BlockingThread` as `unownedExecutor` and call `stop()` in the actor's `deinit`. The thread
/// starts with the first job, sleeps on a condition variable when there is none (no work per idle connection) and ends
/// after `stop()` once its jobs are done. A job that comes later still runs: on a thread started for it.
///
/// `@unchecked Sendable`: everything mutable sits behind `lock`, and `lock` and `wake` are only used through pthread calls.
package final class BlockingThread: SerialExecutor, @unchecked Sendable {
    private let name: String
    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let wake = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var jobs: [UnownedJob] = []
    private var isRunning = false
    private var isStopping = false
    private var thread: pthread_t?

    /// - Parameter name: of the thread as `top -H` shows it; cut to 15 bytes by the kernel.
    package init(name: String) {
        self.name = String(name.prefix(15))
        pthread_mutex_init(lock, nil)
        pthread_cond_init(wake, nil)
    }

    deinit {
        pthread_mutex_destroy(lock)
        pthread_cond_destroy(wake)
        lock.deallocate()
        wake.deallocate()
    }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        pthread_mutex_lock(lock)
        jobs.append(job)
        let mustStart = !isRunning
        if mustStart { isRunning = true }
        pthread_cond_signal(wake)
        pthread_mutex_unlock(lock)
        if mustStart { start() }
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    package func checkIsolated() {
        pthread_mutex_lock(lock)
        let isHere = thread.map { pthread_equal($0, pthread_self()) != 0 } ?? false
        pthread_mutex_unlock(lock)
        precondition(isHere, "not on the thread of this executor")
    }

    /// Lets the thread end when its jobs are done. Returns at once.
    package func stop() {
        pthread_mutex_lock(lock)
        isStopping = true
        pthread_cond_signal(wake)
        pthread_mutex_unlock(lock)
    }

    /// The thread holds `self` while it runs, so that the last job may release the actor it belongs to.
    private func start() {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        defer { pthread_attr_destroy(&attributes) }
        var created = pthread_t()
        let context = Unmanaged.passRetained(self).toOpaque()
        let status = pthread_create(&created, &attributes, blockingThreadMain, context)
        // Our own limit (threads, memory), not a peer's doing; without the thread the jobs would hang for ever.
        precondition(status == 0, "cannot start a thread: error \(status)")
    }

    fileprivate func run() {
        nameThisThread(name)
        pthread_mutex_lock(lock)
        thread = pthread_self()
        while true {
            while jobs.isEmpty && !isStopping { pthread_cond_wait(wake, lock) }
            if jobs.isEmpty { break }
            let batch = jobs
            jobs.removeAll(keepingCapacity: true)
            pthread_mutex_unlock(lock)
            for job in batch { job.runSynchronously(on: asUnownedSerialExecutor()) }
            pthread_mutex_lock(lock)
        }
        thread = nil
        isRunning = false
        pthread_mutex_unlock(lock)
    }
}

private func blockingThreadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let context { Unmanaged<BlockingThread>.fromOpaque(context).takeRetainedValue().run() }
    return nil
}

/// Glibc shows `pthread_setname_np` only to GNU sources; the kernel takes the name here too.
private func nameThisThread(_ name: String) {
    let file = open("/proc/thread-self/comm", O_WRONLY)
    guard file >= 0 else { return }
    _ = name.withCString { write(file, $0, strlen($0)) }
    close(file)
}
