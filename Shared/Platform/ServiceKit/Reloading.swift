import Synchronization

/// A value that follows the settings: `value` is the one of the last reload that was right.
package final class LiveSetting<Value: Sendable>: Sendable {
    private let current: Mutex<Value>

    package init(_ value: Value) { current = Mutex(value) }

    package var value: Value { current.withLock { $0 } }

    package func set(_ value: Value) { current.withLock { $0 = value } }
}

/// Who takes up changed settings. A reload is refused as a whole: everybody reads first, then all change.
package final class ReloadList: Sendable {
    /// Reads what it needs, throws if something is wrong, and gives back what makes the change.
    package typealias Reader = @Sendable (Settings) throws -> @Sendable () -> Void

    private let readers = Mutex<[Reader]>([])

    package init() {}

    func add(_ reader: @escaping Reader) { readers.withLock { $0.append(reader) } }

    package func apply(_ settings: Settings) throws {
        let changes = try readers.withLock { $0 }.map { try $0(settings) }
        for change in changes { change() }
    }
}

extension Settings {
    /// Calls `reader` with the new settings at each reload, and what it gives back once all readers have read.
    package func onReload(_ reader: @escaping ReloadList.Reader) { reloads.add(reader) }

    /// A value that is read now and again at each reload.
    package func live<Value: Sendable>(
        _ read: @escaping @Sendable (Settings) throws -> Value
    ) throws -> LiveSetting<Value> {
        let setting = LiveSetting(try read(self))
        onReload { settings in
            let value = try read(settings)
            return { setting.set(value) }
        }
        return setting
    }
}
