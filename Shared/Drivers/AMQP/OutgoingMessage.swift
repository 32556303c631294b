/// A message on its way to the broker. `id` is ours: it returns with a message that no queue took.
struct OutgoingMessage: Sendable {
    let id: UInt64
    let exchange: String
    let routingKey: String
    let body: [UInt8]
    let isMandatory: Bool
    let isPersistent: Bool
}

package struct AMQPPublisherStatistics: Sendable, Hashable {
    /// Handed to the socket.
    package var published: UInt64 = 0
    package var confirmed: UInt64 = 0
    /// Refused by a queue: full, with `reject-publish`.
    package var nacked: UInt64 = 0
    /// No queue was bound.
    package var returned: UInt64 = 0
    /// Never sent, or without an answer when the connection ended.
    package var dropped: UInt64 = 0
    package var connections: UInt64 = 0
    /// Waiting here or for a confirm, now.
    package var pending: Int = 0
    /// The broker has an alarm and takes nothing, now.
    package var isBlocked = false
}
