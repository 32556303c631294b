/// Puts a message together from its method, header and body frames (AMQP 0-9-1, 4.2.6).
///
/// A value without I/O. Keeps at most `maximumBody` bytes of a body; what is longer is counted and dropped, so that
/// an announced size costs nothing.
package struct ContentAssembler {
    /// Far above any message of ours (a hint has about 16 KiB).
    package static let maximumBody = 1 << 20

    package enum Start: Sendable, Hashable {
        case delivery(tag: UInt64, redelivered: Bool, exchange: String, routingKey: String)
        case returned(code: Int, reason: String)
    }

    package struct Message: Sendable, Hashable {
        package var start: Start
        package var messageID = ""
        package var body: [UInt8] = []
        package var isTruncated = false
    }

    private enum State {
        case idle
        case needsHeader(Message)
        case needsBody(Message, remaining: UInt64)
    }

    private var state = State.idle

    package init() {}

    package mutating func begin(_ start: Start) throws(AMQPError) {
        guard case .idle = state else { throw AMQPError(.protocolViolation, "a message begins inside another") }
        state = .needsHeader(Message(start: start))
    }

    /// Returns the message when it has no body.
    package mutating func header(size: UInt64, messageID: String) throws(AMQPError) -> Message? {
        guard case .needsHeader(var message) = state else {
            throw AMQPError(.protocolViolation, "a content header without a message")
        }
        message.messageID = messageID
        guard size > 0 else {
            state = .idle
            return message
        }
        message.body.reserveCapacity(Int(min(size, 65536)))
        state = .needsBody(message, remaining: size)
        return nil
    }

    /// Returns the message with its last bytes.
    package mutating func body(_ bytes: [UInt8]) throws(AMQPError) -> Message? {
        guard case .needsBody(var message, let remaining) = state, UInt64(bytes.count) <= remaining else {
            throw AMQPError(.protocolViolation, "a body frame without a message")
        }
        state = .idle  // so that the body is not copied
        let room = Self.maximumBody - message.body.count
        message.body.append(contentsOf: bytes.prefix(room))
        if bytes.count > room { message.isTruncated = true }
        let rest = remaining - UInt64(bytes.count)
        guard rest > 0 else { return message }
        state = .needsBody(message, remaining: rest)
        return nil
    }
}
