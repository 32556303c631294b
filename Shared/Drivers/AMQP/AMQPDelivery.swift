/// A message from a queue, to be acknowledged on the consumer it came from.
package struct AMQPDelivery: Sendable, Hashable {
    package let tag: UInt64
    /// Which of the consumer's connections it came on; an acknowledgement after that connection's end says nothing.
    package let generation: UInt64
    /// The broker has given it out before.
    package let redelivered: Bool
    package let exchange: String
    package let routingKey: String
    package let body: [UInt8]
    /// The body was longer than we keep, and is cut.
    package let isTruncated: Bool

    package init(
        tag: UInt64, generation: UInt64 = 1, redelivered: Bool = false, exchange: String, routingKey: String,
        body: [UInt8],
        isTruncated: Bool = false
    ) {
        self.tag = tag
        self.generation = generation
        self.redelivered = redelivered
        self.exchange = exchange
        self.routingKey = routingKey
        self.body = body
        self.isTruncated = isTruncated
    }
}
