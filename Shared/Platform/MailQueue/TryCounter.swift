package import MailCore
package import Storage

/// Where a stage counts its tries: `WorkStore`, or a stand-in for tests.
package protocol TryCounter: Sendable {
    func beginAttempt(_ mail: MailID, _ stages: [Stage]) async throws -> WorkStore.Attempt
    func beginFirstAttempts(_ mails: [MailID], _ stages: [Stage]) async throws -> Set<MailID>
    func forgiveAttempt(_ mails: [MailID], _ stages: [Stage]) async throws
    func recordFailure(_ mail: MailID, _ stages: [Stage], reason: String) async throws
    func park(_ mail: MailID, _ stages: [Stage], reason: String) async throws -> Bool
    func isReachable() async -> Bool
}

extension WorkStore: TryCounter {}
