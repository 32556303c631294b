import MailCore
import Storage

/// Gives out the messages of a maildrop: small ones from queries that read ahead, large ones chunk by chunk.
struct MessageReader {
    /// A message whose bytes are here, or the way to them.
    struct Found {
        let prefix: [UInt8]
        let body: Body
    }

    enum Body {
        case whole([UInt8])
        case chunks(BodyID, size: Int)
    }

    private let store: MessageStore
    private var readAhead = ReadAhead()
    /// Read and not yet asked for; a client that asks for a message twice makes us read it twice.
    private var window: [UInt32: Found] = [:]

    init(store: MessageStore) { self.store = store }

    /// `nil` if the message was expunged since the maildrop was opened.
    nonisolated(nonsending) mutating func message(
        at index: Maildrop.Index, of snapshot: MaildropSnapshot
    ) async throws -> Found? {
        let uid = snapshot.messages[index].uid
        if let found = window.removeValue(forKey: uid) { return found }
        window = [:]
        let wanted = snapshot.messages[readAhead.span(from: index, in: snapshot)]
        var rest = UIDRuns(uid...max(uid, wanted.last?.uid ?? uid))
        while !rest.isEmpty {
            let part = try await store.rows(snapshot.key, rest, [.place, .wholeBody])
            for row in part.rows { window[row.uid] = Found(row) }
            rest = part.rest
        }
        return window.removeValue(forKey: uid)
    }

    func pieces(of message: Found) -> MessagePieces { MessagePieces(message, store: store) }
}

extension MessageReader.Found {
    /// `nil` if the body is not where its entry says.
    fileprivate init?(_ row: MessageStore.Row) {
        let size = row.size - row.prefix.count
        guard size >= 0, let body = row.body else { return nil }
        prefix = row.prefix
        if let whole = row.wholeBody, whole.count == size {
            self.body = .whole(whole)
        } else {
            self.body = size == 0 ? .whole([]) : .chunks(body, size: size)
        }
    }
}
