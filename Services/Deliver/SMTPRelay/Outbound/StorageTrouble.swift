import PostgreSQL
import Synchronization

/// Whether our own storage failed during an attempt. It says nothing about the mail or its destination: what was not
/// decided by then is as if it had not been begun.
final class StorageTrouble: Sendable {
    private let noted = Mutex(false)

    var isNoted: Bool { noted.withLock(\.self) }

    func noting<Value: Sendable>(_ work: @Sendable () async throws -> Value) async throws -> Value {
        do {
            return try await work()
        } catch {
            if Self.isMeant(by: error) { noted.withLock { $0 = true } }
            throw error
        }
    }

    /// Not a file that cannot be read (class 58), nor a statement that takes too long: that may be this mail's each
    /// time, and the others must not wait for it.
    static func isMeant(by error: any Error) -> Bool {
        if error is CancellationError { return true }
        guard let error = error as? PostgresError else { return false }
        let state = error.sqlState ?? ""
        return error.isTemporary && !state.hasPrefix("58") && state != "57014"
    }
}
