package import NIOCore
package import NIOPosix

/// An event loop as the executor of the connections on it and of their tasks.
///
/// It is both at once, and runs each job as both: then an `await` of the connection's methods, from its session or from one
/// another, is a call. With an executor for each of the two, every one would be a turn of the loop, some fifty for a mail. To a
/// function that is isolated to nothing it still is one, unless that is `nonisolated(nonsending)`.
package final class LoopExecutor: SerialExecutor, TaskExecutor {
    private let loop: any EventLoop

    fileprivate init(_ loop: any EventLoop) { self.loop = loop }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute {
            job.runSynchronously(
                isolatedTo: self.asUnownedSerialExecutor(), taskExecutor: self.asUnownedTaskExecutor())
        }
    }

    package func checkIsolated() { loop.preconditionInEventLoop() }
}

/// The executors of a group's event loops. A connection and the task that serves it take the same.
package struct LoopExecutors: Sendable {
    private let group: MultiThreadedEventLoopGroup
    private let executors: [ObjectIdentifier: LoopExecutor]

    package init(_ group: MultiThreadedEventLoopGroup) {
        self.group = group
        executors = Dictionary(
            uniqueKeysWithValues: group.makeIterator().map { (ObjectIdentifier($0), LoopExecutor($0)) })
    }

    package func next() -> LoopExecutor { of(group.next()) }

    /// - Parameter loop: of the group; any other gets one of its own.
    package func of(_ loop: any EventLoop) -> LoopExecutor { executors[ObjectIdentifier(loop)] ?? LoopExecutor(loop) }
}
