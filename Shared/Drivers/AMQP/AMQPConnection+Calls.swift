import CRabbitMQ

/// An argument of a queue or exchange.
package enum AMQPArgument: Sendable, Hashable {
    case integer(Int64)
    case text(String)
    case flag(Bool)
}

/// How many messages wait in a queue, and how many consumers it has.
package struct AMQPQueueDepth: Sendable, Hashable {
    package let messages: Int
    package let consumers: Int

    package init(messages: Int, consumers: Int) {
        self.messages = messages
        self.consumers = consumers
    }
}

/// The calls to the broker that we use.
extension AMQPConnection {
    func selectConfirms() throws(AMQPError) {
        amqp_confirm_select(state, Self.channel)
        try check()
    }

    /// The caller has seen that the socket is writable.
    func publish(_ message: OutgoingMessage, appID: String) throws(AMQPError) {
        let id = String(message.id)
        let status = withBytes(message.exchange, message.routingKey, "application/json", appID, id) { names -> Int32 in
            var properties = amqp_basic_properties_t()
            properties._flags =
                MethodID.contentTypeFlag | MethodID.deliveryModeFlag | MethodID.messageIDFlag | MethodID.appIDFlag
            properties.content_type = names[2]
            properties.app_id = names[3]
            properties.message_id = names[4]
            properties.delivery_mode = message.isPersistent ? 2 : 1
            return message.body.withUnsafeBytes { body in
                amqp_basic_publish(
                    state, Self.channel, names[0], names[1], message.isMandatory ? 1 : 0, 0, &properties, lend(body))
            }
        }
        try Self.check(status: status)
    }

    func limitUnacknowledged(to count: UInt16) throws(AMQPError) {
        amqp_basic_qos(state, Self.channel, 0, count, 0)
        try check()
    }

    func consume(queue: String, exclusive: Bool) throws(AMQPError) {
        withBytes(queue, "") { names in
            _ = amqp_basic_consume(state, Self.channel, names[0], names[1], 0, 0, exclusive ? 1 : 0, emptyTable)
        }
        try check()
    }

    func acknowledge(upTo tag: UInt64) throws(AMQPError) {
        try Self.check(status: amqp_basic_ack(state, Self.channel, tag, 1))
    }

    func declareExchange(_ name: String, kind: String, passive: Bool = false) throws(AMQPError) {
        withBytes(name, kind) { names in
            _ = amqp_exchange_declare(state, Self.channel, names[0], names[1], passive ? 1 : 0, 1, 0, 0, emptyTable)
        }
        try check()
    }

    /// Returns what is in the queue.
    @discardableResult
    func declareQueue(
        _ name: String, passive: Bool = false, durable: Bool = true, exclusive: Bool = false, autoDelete: Bool = false,
        arguments: [(key: String, value: AMQPArgument)] = []
    ) throws(AMQPError) -> AMQPQueueDepth {
        let depth = withTable(arguments) { table in
            withBytes(name) { names in
                amqp_queue_declare(
                    state, Self.channel, names[0], passive ? 1 : 0, durable ? 1 : 0, exclusive ? 1 : 0,
                    autoDelete ? 1 : 0, table)
            }
        }
        let reply = depth.map {
            AMQPQueueDepth(messages: Int($0.pointee.message_count), consumers: Int($0.pointee.consumer_count))
        }
        try check()
        amqp_maybe_release_buffers(state)
        return reply ?? AMQPQueueDepth(messages: 0, consumers: 0)
    }

    func bind(queue: String, exchange: String, routingKey: String) throws(AMQPError) {
        withBytes(queue, exchange, routingKey) { names in
            _ = amqp_queue_bind(state, Self.channel, names[0], names[1], names[2], emptyTable)
        }
        try check()
    }

    func deleteQueue(_ name: String) throws(AMQPError) {
        withBytes(name) { names in _ = amqp_queue_delete(state, Self.channel, names[0], 0, 0) }
        try check()
    }

    private var emptyTable: amqp_table_t { amqp_table_t(num_entries: 0, entries: nil) }
}

/// Lends texts as `amqp_bytes_t` for one call.
private func withBytes<Result>(_ texts: String..., body: ([amqp_bytes_t]) -> Result) -> Result {
    func lendNext(_ rest: ArraySlice<String>, _ lent: [amqp_bytes_t]) -> Result {
        guard let text = rest.first else { return body(lent) }
        var text2 = text
        return text2.withUTF8 { lendNext(rest.dropFirst(), lent + [lend(UnsafeRawBufferPointer($0))]) }
    }
    return lendNext(texts[...], [])
}

/// The library reads, and never writes or keeps, what it is given here.
private func lend(_ buffer: UnsafeRawBufferPointer) -> amqp_bytes_t {
    amqp_bytes_t(len: buffer.count, bytes: UnsafeMutableRawPointer(mutating: buffer.baseAddress))
}

private func withTable<Result>(
    _ arguments: [(key: String, value: AMQPArgument)], body: (amqp_table_t) -> Result
) -> Result {
    // One text after the other in one buffer; the entries point into it.
    var texts: [UInt8] = []
    var spans: [(key: Range<Int>, value: Range<Int>)] = []
    func store(_ text: String) -> Range<Int> {
        let start = texts.count
        texts.append(contentsOf: text.utf8)
        return start..<texts.count
    }
    for argument in arguments {
        let key = store(argument.key)
        if case .text(let text) = argument.value {
            spans.append((key, store(text)))
        } else {
            spans.append((key, 0..<0))
        }
    }
    return texts.withUnsafeBytes { buffer in
        var entries = zip(arguments, spans).map { argument, span in
            var entry = amqp_table_entry_t()
            entry.key = lend(UnsafeRawBufferPointer(rebasing: buffer[span.key]))
            switch argument.value {
            case .integer(let number):
                entry.value.kind = UInt8(ascii: "l")
                entry.value.value.i64 = number
            case .text:
                entry.value.kind = UInt8(ascii: "S")
                entry.value.value.bytes = lend(UnsafeRawBufferPointer(rebasing: buffer[span.value]))
            case .flag(let isSet):
                entry.value.kind = UInt8(ascii: "t")
                entry.value.value.boolean = isSet ? 1 : 0
            }
            return entry
        }
        return entries.withUnsafeMutableBufferPointer {
            body(amqp_table_t(num_entries: Int32($0.count), entries: $0.baseAddress))
        }
    }
}
