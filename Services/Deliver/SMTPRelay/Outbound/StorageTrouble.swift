import PostgreSQL
import Synchronization

/// Whether our own storage failed during an attempt. It says nothing about the mail or its destination: what was not
/// decided by then is as if it had not been begun.
final class StorageTrouble: Sendable {
    private let noted = Mutex(false)

    var isNoted: Bool { noted.withLock(\.self) }

    func noting<Value: Sendable>(
        _ isMeant: @Sendable (any Error) -> Bool = isMeant(by:), _ work: @Sendable () async throws -> Value
    ) async throws -> Value {
        do {
            return try await work()
        } catch {
            if isMeant(error) { noted.withLock { $0 = true } }
            throw error
        }
    }

    static func isMeant(by error: any Error) -> Bool {
        error is CancellationError || (error as? PostgresError)?.isTemporary ?? false
    }

    /// The same of what is read of one mail. Not a file that cannot be read (class 58), nor a statement that takes too
    /// long: that may be this mail's each time, and the others must not wait for it.
    static func isMeant(byReading error: any Error) -> Bool {
        let state = (error as? PostgresError)?.sqlState ?? ""
        return isMeant(by: error) && !state.hasPrefix("58") && state != "57014"
    }
}
