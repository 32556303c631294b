package import DKIM
package import MailCore
import MessageGrammar
package import Storage

/// The bytes of a copy, as they go out.
struct RelayContent: Sendable {
    let prefix: [UInt8]
    let isEightBit: Bool
    /// The whole body, if it is one chunk; a larger one is read chunk by chunk.
    let whole: [UInt8]?
}

/// Loads bodies and makes what a copy has in front of its body, once: the signature, and the address that forwarded it.
package struct RelayContents: Sendable {
    /// Makes the DKIM-Signature fields; empty when the mail is not ours to sign.
    package typealias Sign = @Sendable (MailOrigin, AccountID?, DKIMMessageHash) async throws -> [UInt8]

    /// A stored body that is not there, or not whole.
    struct Missing: Error {}

    private let messages: MessageStore
    private let store: RelayStore
    private let sign: Sign
    private let memo = SignatureMemo()

    package init(store: RelayStore, messages: MessageStore, sign: @escaping Sign) {
        self.store = store
        self.messages = messages
        self.sign = sign
    }

    func load(_ mail: RelayMail, known prefix: [UInt8]?, via: String?) async throws -> RelayContent {
        var head: (bytes: [UInt8], summary: [UInt8]) = (mail.whole ?? [], [])
        if mail.whole == nil { head = try await store.beginning(of: mail) }
        let isOneChunk = mail.size <= BodyUpload.chunkSize
        guard head.bytes.count == min(mail.size, BodyUpload.chunkSize) else { throw Missing() }
        let isEightBit =
            isOneChunk
            // All of them: without an early end the compiler takes many at a time.
            ? head.bytes.reduce(UInt8(0), |) > 0x7F
                // A summary of a later version cannot be read here; 8BITMIME is offered nearly everywhere.
            : ((try? MessageSummary(decoding: head.summary))?.flags.contains(.has8Bit) ?? true)
        let whole = isOneChunk ? head.bytes : nil
        if let prefix { return RelayContent(prefix: prefix, isEightBit: isEightBit, whole: whole) }
        var made: [UInt8] = []
        if mail.origin == .submission || mail.origin == .dsn {
            made += try await signature(of: mail, whole)
        }
        if let via { made += Array("Delivered-To: \(via)\r\n".utf8) }
        return RelayContent(prefix: made, isEightBit: isEightBit, whole: whole)
    }

    private func signature(of mail: RelayMail, _ whole: [UInt8]?) async throws -> [UInt8] {
        if let made = memo.find(mail.id) { return made }
        var hash = DKIMMessageHash()
        if let whole {
            hash.update(whole)
        } else {
            for chunk in 0..<chunks(of: mail) { hash.update(try await read(chunk, of: mail)) }
        }
        let signature = try await sign(mail.origin, mail.submitter, hash)
        memo.remember(signature, of: mail.id)
        return signature
    }

    /// - Parameter trouble: learns of a storage that fails while the body is read.
    func outbound(
        _ mail: RelayMail, _ copies: [RelayMail.Copy], _ content: RelayContent, noting trouble: StorageTrouble
    ) -> OutboundMail {
        OutboundMail(
            id: mail.id, sender: mail.sender, recipients: copies.map(\.address), prefix: content.prefix,
            size: mail.size + content.prefix.count, isEightBit: content.isEightBit, whole: content.whole
        ) { write in
            for chunk in 0..<chunks(of: mail) {
                try await write(
                    try await trouble.noting(StorageTrouble.isMeant(byReading:)) { try await read(chunk, of: mail) })
            }
        }
    }

    private func chunks(of mail: RelayMail) -> Int {
        (mail.size + BodyUpload.chunkSize - 1) / BodyUpload.chunkSize
    }

    private func read(_ chunk: Int, of mail: RelayMail) async throws -> [UInt8] {
        let length = min(BodyUpload.chunkSize, mail.size - chunk * BodyUpload.chunkSize)
        let slice = MessageStore.Slice(
            body: mail.body, chunk: Int32(clamping: chunk), offset: 0, length: Int32(clamping: length))
        guard let bytes = try await messages.read([slice]).first ?? nil, bytes.count == length else { throw Missing() }
        return bytes
    }
}
