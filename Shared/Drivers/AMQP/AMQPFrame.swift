/// What arrives on a connection, copied out of the library's memory.
enum AMQPFrame: Equatable {
    case acknowledged(tag: UInt64, multiple: Bool)
    case refused(tag: UInt64, multiple: Bool)
    /// The start of a message that no queue took; its header and body frames follow.
    case returned(code: Int, reason: String)
    /// The start of a message for us; its header and body frames follow.
    case delivery(tag: UInt64, redelivered: Bool, exchange: String, routingKey: String)
    case header(size: UInt64, messageID: String)
    case body([UInt8])
    /// The broker ended our consumer: the queue was deleted or its node left.
    case consumerCancelled
    /// connection.blocked: an alarm; the broker no longer reads what publishers send.
    case blocked(reason: String)
    case unblocked
    case channelClosed(code: Int, reason: String)
    case connectionClosed(code: Int, reason: String)
    /// Nothing we asked for.
    case other
}
