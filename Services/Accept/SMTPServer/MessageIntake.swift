import MailCore
import MailWire
import MessageGrammar
package import NIOCore
package import Storage

/// Takes the bytes of one mail as they arrive, in one pass: end and dots, size, structure.
///
/// A mail up to one chunk stays in memory and travels in the group commit; a larger one is written chunk by chunk while
/// it arrives, so that at most two chunks are ever held.
package struct MessageIntake: Sendable {
    /// Where a large mail's chunks go.
    package protocol Sink: Sendable {
        mutating func append(_ bytes: some Collection<UInt8> & Sendable) async throws
        mutating func finish() async throws -> AcceptedBody
    }

    package struct Rules: Sendable {
        package var maximumSize: Int
        package var maximumReceivedFields: Int
        /// RFC 6409 8: what a submission lacks is added. `nil` for mail that is not ours to complete.
        package var completion: Completion?
        /// Addresses of ours that forward the mail, in lower case: one of them as `Delivered-To` is a loop.
        package var forwarders: Set<String>

        package init(
            maximumSize: Int, maximumReceivedFields: Int, completion: Completion?, forwarders: Set<String> = []
        ) {
            self.maximumSize = maximumSize
            self.maximumReceivedFields = maximumReceivedFields
            self.completion = completion
            self.forwarders = forwarders
        }

        func isForwarder(_ value: some Collection<UInt8>) -> Bool {
            let address = value.filter { $0 > 0x20 && $0 != UInt8(ascii: "<") && $0 != UInt8(ascii: ">") }
            return forwarders.contains(String(decoding: address, as: UTF8.self).lowercased())
        }
    }

    package struct Completion: Sendable {
        package let date: [UInt8]
        package let messageID: String

        package init(date: [UInt8], messageID: String) {
            self.date = date
            self.messageID = messageID
        }
    }

    package struct Message: Sendable {
        package let body: AcceptedBody
        package let summary: [UInt8]
    }

    private let rules: Rules
    private let traceLength: Int
    private let openSink: @Sendable () async throws -> any Sink
    private var framer = DataFramer()
    private var scanner = MessageScanner()
    private var body: [UInt8]
    private var sink: (any Sink)?
    private var isHeaderInspected = false
    private var fault: MessageOutcome?

    package private(set) var isEnded = false
    /// Octets of the mail so far, dots undone.
    package var size: Int { framer.length }

    /// Memory grows with what arrives: a size that a client only announces reserves none.
    ///
    /// - Parameter trace: the trace fields that the mail begins with from now on.
    package init(
        trace: [UInt8], rules: Rules, openSink: @escaping @Sendable () async throws -> any Sink
    ) {
        self.rules = rules
        self.traceLength = trace.count
        self.openSink = openSink
        self.body = []
        body.reserveCapacity(trace.count + 4096)
        body.append(contentsOf: trace)
        scanner.feed(trace)
    }

    /// Takes one piece of input; returns how much of it belongs to the mail.
    package mutating func take(_ piece: ByteBuffer) -> Int {
        let before = body.count
        let progress = piece.withUnsafeReadableBytes { framer.feed($0, into: &body) }
        isEnded = progress.isEnded
        if framer.length > rules.maximumSize, fault == nil { give(up: .tooLarge) }
        if framer.isBad, fault == nil { give(up: .bareNewline) }
        if fault == nil {
            body.withUnsafeBytes { scanner.feed(UnsafeRawBufferPointer(rebasing: $0[before...])) }
        } else {
            body.removeAll(keepingCapacity: false)
        }
        return progress.consumed
    }

    /// Writes full chunks away. The client waits meanwhile: nothing more is read.
    package nonisolated(nonsending) mutating func spill() async {
        guard fault == nil, body.count >= BodyUpload.chunkSize else { return }
        inspectHeader()
        guard fault == nil else { return }
        await write()
    }

    /// The complete mail, or what to answer instead.
    package nonisolated(nonsending) mutating func finish() async -> Result<Message, MessageRefusal> {
        inspectHeader()
        if fault == nil, sink != nil || body.count > BodyUpload.chunkSize { await write() }
        if let fault { return .failure(MessageRefusal(outcome: fault)) }
        let summary = scanner.finish().encoded()
        guard var sink else { return .success(Message(body: .inline(body), summary: summary)) }
        do {
            return .success(Message(body: try await sink.finish(), summary: summary))
        } catch {
            return .failure(MessageRefusal(outcome: .temporaryFailure))
        }
    }

    private nonisolated(nonsending) mutating func write() async {
        do {
            var open = try await sink == nil ? openSink() : nil
            if open == nil { open = sink }
            guard var target = open else { return }
            try await target.append(body[...])
            sink = target
            body.removeAll(keepingCapacity: true)
        } catch {
            give(up: .temporaryFailure)
        }
    }

    private mutating func give(up outcome: MessageOutcome) {
        fault = outcome
        body = []
        sink = nil
    }

    // MARK: The header

    /// Looks at the header once it is there, or as much of it as one chunk holds.
    private mutating func inspectHeader() {
        guard !isHeaderInspected, fault == nil else { return }
        isHeaderInspected = true
        var received = 0
        var hasDate = false
        var hasMessageID = false
        var hasBeenHere = false
        body.withUnsafeBytes { bytes in
            let message = UnsafeRawBufferPointer(rebasing: bytes[traceLength...])
            var walk = HeaderFieldWalk()
            while let field = walk.next(in: message) {
                let name = UnsafeRawBufferPointer(rebasing: message[field.name])
                switch name.count {
                case 8 where ASCII.equalsIgnoringCase(name, "Received"): received += 1
                case 4 where ASCII.equalsIgnoringCase(name, "Date"): hasDate = true
                case 10 where ASCII.equalsIgnoringCase(name, "Message-ID"): hasMessageID = true
                case 12 where !rules.forwarders.isEmpty && ASCII.equalsIgnoringCase(name, "Delivered-To"):
                    hasBeenHere = hasBeenHere || rules.isForwarder(message[field.body])
                default: break
                }
            }
        }
        if received > rules.maximumReceivedFields || hasBeenHere { return give(up: .loop) }
        guard let completion = rules.completion, !hasDate || !hasMessageID else { return }
        complete(completion, date: !hasDate, messageID: !hasMessageID)
    }

    /// Rare enough to read what is there again.
    private mutating func complete(_ completion: Completion, date: Bool, messageID: Bool) {
        var added: [UInt8] = []
        if date { added += Array("Date: ".utf8) + completion.date + Array("\r\n".utf8) }
        if messageID { added += Array("Message-ID: <\(completion.messageID)>\r\n".utf8) }
        body.insert(contentsOf: added, at: traceLength)
        scanner = MessageScanner()
        scanner.feed(body)
    }
}

/// Why a mail was not taken.
package struct MessageRefusal: Error, Hashable {
    package let outcome: MessageOutcome
}

extension BodyUpload: MessageIntake.Sink {}
