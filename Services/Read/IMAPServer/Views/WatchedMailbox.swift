package import LineServer
package import Storage
import Synchronization

/// One mailbox that this process knows: its newest version, how many sessions have it selected, and which of them wait
/// in IDLE. All state is under one lock; the lock is never held while the database is asked.
package final class WatchedMailbox: Sendable {
    package let key: MailboxKey
    private let state: Mutex<State>

    private struct State {
        var view: MailboxView
        var sessions = 0
        var isGone = false
        var sleepers: [ObjectIdentifier: LineConnection] = [:]
        /// Registry time of the last use, for dropping versions that nobody has selected.
        var lastUse: UInt64 = 0
    }

    init(key: MailboxKey, view: MailboxView) {
        self.key = key
        self.state = Mutex(State(view: view))
    }

    package var view: MailboxView { state.withLock { $0.view } }
    /// The mailbox was deleted, or its UIDs mean something else now: sessions that have it selected must end.
    package var isGone: Bool { state.withLock { $0.isGone } }
    var isSelected: Bool { state.withLock { $0.sessions > 0 } }
    var lastUse: UInt64 { state.withLock { $0.lastUse } }
    var modseq: Int64 { state.withLock { $0.view.modseq } }
    var cost: Int { state.withLock { $0.view.cost } }

    // MARK: Sessions

    func enter(at time: UInt64) {
        state.withLock {
            $0.sessions += 1
            $0.lastUse = time
        }
    }

    func leave() { state.withLock { $0.sessions -= 1 } }

    /// A session in IDLE is woken when the newest version changes. It looks once more after this call.
    package func sleep(_ connection: LineConnection) {
        state.withLock { $0.sleepers[ObjectIdentifier(connection)] = connection }
    }

    package func rise(_ connection: LineConnection) {
        state.withLock { $0.sleepers[ObjectIdentifier(connection)] = nil }
    }

    // MARK: Versions

    /// Makes `next` the newest version unless a newer one is there; wakes who waits for it.
    func install(_ next: MailboxView) {
        let sleepers = state.withLock { state -> [LineConnection] in
            guard next.modseq > state.view.modseq else { return [] }
            state.view = next
            return Array(state.sleepers.values)
        }
        for sleeper in sleepers { sleeper.wake() }
    }

    /// Takes a change of this process without asking the database; false if something lies between.
    func apply(_ delta: MailboxDelta) -> Bool {
        let base = view
        if base.modseq >= delta.after { return true }
        guard base.modseq == delta.before else { return false }
        install(base.applying(delta))
        return true
    }

    func vanish() {
        let sleepers = state.withLock { state -> [LineConnection] in
            state.isGone = true
            return Array(state.sleepers.values)
        }
        for sleeper in sleepers { sleeper.wake() }
    }
}
