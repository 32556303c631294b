import NIOCore

/// Runs the non-isolated parts of a session's task on its event loop too, so that a session never changes threads
/// only to call an async function. Nothing that blocks may run in a session anyway.
final class LoopTaskExecutor: TaskExecutor {
    let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
