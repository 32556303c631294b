import Synchronization

/// Who is connected, for the limits and for shutdown.
final class ConnectionCensus: Sendable {
    private struct State {
        var open: [ObjectIdentifier: LineConnection] = [:]
        var perAddress: [String: Int] = [:]
        var closing = false
        var maximum: Int
        /// 0 means no limit.
        var maximumPerAddress: Int
    }

    private let state: Mutex<State>
    private let descriptors = DescriptorBudget()

    init(maximum: Int, perAddress: Int) {
        self.state = Mutex(State(maximum: maximum, maximumPerAddress: perAddress))
    }

    /// Who is there already stays.
    func update(maximum: Int, perAddress: Int) {
        state.withLock {
            $0.maximum = maximum
            $0.maximumPerAddress = perAddress
        }
    }

    /// False when a limit is reached.
    func enter(_ connection: LineConnection) -> Bool {
        state.withLock { state in
            let key = connection.peer.key
            let count = state.perAddress[key, default: 0]
            let perAddress = state.maximumPerAddress
            guard !state.closing, state.open.count < state.maximum, perAddress == 0 || count < perAddress,
                descriptors.allows(state.open.count)
            else { return false }
            state.perAddress[key] = count + 1
            state.open[ObjectIdentifier(connection)] = connection
            return true
        }
    }

    func leave(_ connection: LineConnection) {
        state.withLock { state in
            guard state.open.removeValue(forKey: ObjectIdentifier(connection)) != nil else { return }
            let left = state.perAddress[connection.peer.key, default: 1] - 1
            state.perAddress[connection.peer.key] = left > 0 ? left : nil
        }
    }

    /// From now on nobody enters; returns who is still there.
    func close() -> [LineConnection] {
        state.withLock { state in
            state.closing = true
            return Array(state.open.values)
        }
    }

    var count: Int { state.withLock { $0.open.count } }
}
