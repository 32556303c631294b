/// How much a queue holds, from the broker.
package struct QueueDepth: Sendable, Hashable {
    package let queue: String
    package let messages: Int
    package let consumers: Int

    package init(queue: String, messages: Int, consumers: Int) {
        self.queue = queue
        self.messages = messages
        self.consumers = consumers
    }
}
