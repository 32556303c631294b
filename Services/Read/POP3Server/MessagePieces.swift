import MailCore
import Storage

/// The octets of a message in order, in pieces of a chunk at most: a large body is read while the client takes it.
struct MessagePieces {
    /// A chunk that must be there is not: behind `+OK` nothing can be said any more.
    struct Broken: Error {}

    private let store: MessageStore
    private let message: MessageReader.Found
    private var isPrefixTaken = false
    /// Octets of the body that were taken.
    private var position = 0

    init(_ message: MessageReader.Found, store: MessageStore) {
        self.message = message
        self.store = store
    }

    nonisolated(nonsending) mutating func next() async throws -> [UInt8]? {
        guard isPrefixTaken else {
            isPrefixTaken = true
            return message.prefix
        }
        switch message.body {
        case .whole(let bytes):
            guard position < bytes.count else { return nil }
            position = bytes.count
            return bytes
        case .chunks(let body, let size):
            guard position < size else { return nil }
            return try await chunk(of: body, length: min(MessageStore.chunkSize, size - position))
        }
    }

    private nonisolated(nonsending) mutating func chunk(of body: BodyID, length: Int) async throws -> [UInt8] {
        let slice = MessageStore.Slice(
            body: body, chunk: Int32(clamping: position / MessageStore.chunkSize), offset: 0,
            length: Int32(clamping: length))
        guard let bytes = try await store.read([slice]).first.flatMap(\.self), bytes.count == length else {
            throw Broken()
        }
        position += length
        return bytes
    }
}
