import CRabbitMQ

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// One connection with one channel. Not Sendable: it lives on the thread that made it.
///
/// Every call is bounded: connecting and RPCs by timeouts of the library, sends by `isWritable` before them (the send
/// buffer of a writable socket takes a whole message), by the heartbeats and by TCP_USER_TIMEOUT under them.
final class AMQPConnection {
    /// The only channel in use.
    static let channel: amqp_channel_t = 1
    /// A message of ours is never larger; it fits into the send buffer of a writable socket.
    static let maximumBody = 128 * 1024
    private static let frameMaximum: Int32 = 131_072
    private static let sendBuffer: Int32 = 1 << 20
    /// The kernel ends a connection whose peer takes nothing for this long.
    private static let unacknowledgedMilliseconds: UInt32 = 15_000

    let state: amqp_connection_state_t
    let socket: Int32

    /// Connects, logs in and opens the channel.
    init(_ configuration: AMQPConfiguration, heartbeatSeconds: Int32? = nil) throws(AMQPError) {
        guard let state = amqp_new_connection() else { throw AMQPError(.connectFailed, "no memory") }
        do throws(AMQPError) {
            try Self.open(state, configuration)
            try Self.login(state, configuration, heartbeat: heartbeatSeconds ?? configuration.heartbeatSeconds)
        } catch {
            amqp_destroy_connection(state)
            throw error
        }
        self.state = state
        self.socket = amqp_get_sockfd(state)
    }

    deinit { amqp_destroy_connection(state) }

    private static func open(_ state: amqp_connection_state_t, _ configuration: AMQPConfiguration) throws(AMQPError) {
        let made: OpaquePointer?
        if configuration.isSecure {
            made = amqp_ssl_socket_new(state)
            if let made {
                amqp_ssl_socket_set_verify_peer(made, 1)
                amqp_ssl_socket_set_verify_hostname(made, 1)
                guard amqp_ssl_socket_set_ssl_versions(made, AMQP_TLSv1_2, AMQP_TLSvLATEST) == 0,
                    amqp_ssl_socket_set_cacert(made, configuration.authorityFile) == 0
                else { throw AMQPError(.connectFailed, "the certificate authority file cannot be read") }
            }
        } else {
            made = amqp_tcp_socket_new(state)
        }
        guard let made else { throw AMQPError(.connectFailed, "no socket") }
        var timeout = timeval(tv_sec: configuration.connectTimeoutSeconds, tv_usec: 0)
        amqp_set_handshake_timeout(state, &timeout)
        amqp_set_rpc_timeout(state, &timeout)
        let status = amqp_socket_open_noblock(made, configuration.host, Int32(configuration.port), &timeout)
        guard status == 0 else { throw AMQPError(.connectFailed, text(ofStatus: status)) }
        guard crabbitmq_harden_socket(amqp_get_sockfd(state), unacknowledgedMilliseconds, sendBuffer) == 0 else {
            throw AMQPError(.connectFailed, "the socket refused an option: \(errno)")
        }
    }

    private static func login(
        _ state: amqp_connection_state_t, _ configuration: AMQPConfiguration, heartbeat: Int32
    ) throws(AMQPError) {
        let reply = crabbitmq_login(
            state, configuration.vhost, 8, frameMaximum, heartbeat, configuration.name, configuration.user,
            configuration.password)
        if let error = error(of: reply) { throw AMQPError(.connectFailed, "login: \(error)") }
        amqp_channel_open(state, channel)
        try check(state)
    }

    /// Says goodbye, and waits a second for the broker's.
    func close() {
        var timeout = timeval(tv_sec: 1, tv_usec: 0)
        amqp_set_rpc_timeout(state, &timeout)
        amqp_connection_close(state, AMQP_REPLY_SUCCESS)
    }

    /// Whether the socket takes output now.
    var isWritable: Bool {
        var descriptor = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
        return poll(&descriptor, 1, 0) == 1 && Int32(descriptor.revents) & POLLOUT != 0
    }

    // MARK: - Frames

    /// The next frame that has arrived, `nil` when there is none. Sends the heartbeats that are due, and throws when
    /// the peer's stay out.
    func nextFrame() throws(AMQPError) -> AMQPFrame? {
        var frame = amqp_frame_t()
        var now = timeval(tv_sec: 0, tv_usec: 0)
        let status = amqp_simple_wait_frame_noblock(state, &frame, &now)
        if status == AMQP_STATUS_TIMEOUT.rawValue { return nil }
        guard status == 0 else { throw AMQPError(.connectionLost, Self.text(ofStatus: status)) }
        defer { amqp_maybe_release_buffers(state) }
        switch Int32(frame.frame_type) {
        case AMQP_FRAME_METHOD: return Self.method(frame.payload.method)
        case AMQP_FRAME_HEADER: return Self.header(frame)
        case AMQP_FRAME_BODY: return .body(Self.bytes(frame.payload.body_fragment))
        default: return .other
        }
    }

    private static func method(_ method: amqp_method_t) -> AMQPFrame {
        guard let decoded = method.decoded else { return .other }
        func fields<Fields>(_ type: Fields.Type) -> Fields { decoded.assumingMemoryBound(to: type).pointee }
        switch method.id {
        case MethodID.basicAck:
            let ack = fields(amqp_basic_ack_t.self)
            return .acknowledged(tag: ack.delivery_tag, multiple: ack.multiple != 0)
        case MethodID.basicNack:
            let nack = fields(amqp_basic_nack_t.self)
            return .refused(tag: nack.delivery_tag, multiple: nack.multiple != 0)
        case MethodID.basicReturn:
            let back = fields(amqp_basic_return_t.self)
            return .returned(code: Int(back.reply_code), reason: text(back.reply_text))
        case MethodID.basicDeliver:
            let deliver = fields(amqp_basic_deliver_t.self)
            return .delivery(
                tag: deliver.delivery_tag, redelivered: deliver.redelivered != 0, exchange: text(deliver.exchange),
                routingKey: text(deliver.routing_key))
        case MethodID.basicCancel: return .consumerCancelled
        case MethodID.connectionBlocked: return .blocked(reason: text(fields(amqp_connection_blocked_t.self).reason))
        case MethodID.connectionUnblocked: return .unblocked
        case MethodID.channelClose:
            let close = fields(amqp_channel_close_t.self)
            return .channelClosed(code: Int(close.reply_code), reason: text(close.reply_text))
        case MethodID.connectionClose:
            let close = fields(amqp_connection_close_t.self)
            return .connectionClosed(code: Int(close.reply_code), reason: text(close.reply_text))
        default: return .other
        }
    }

    private static func header(_ frame: amqp_frame_t) -> AMQPFrame {
        let properties = frame.payload.properties
        var messageID = ""
        if properties.class_id == 60, let decoded = properties.decoded {
            let basic = decoded.assumingMemoryBound(to: amqp_basic_properties_t.self).pointee
            if basic._flags & MethodID.messageIDFlag != 0 { messageID = text(basic.message_id) }
        }
        return .header(size: properties.body_size, messageID: messageID)
    }

    // MARK: - Errors

    /// Throws what the last RPC of the connection ended with.
    static func check(_ state: amqp_connection_state_t) throws(AMQPError) {
        if let error = error(of: amqp_get_rpc_reply(state)) { throw error }
    }

    func check() throws(AMQPError) { try Self.check(state) }

    static func error(of reply: amqp_rpc_reply_t) -> AMQPError? {
        switch reply.reply_type {
        case AMQP_RESPONSE_NORMAL: return nil
        case AMQP_RESPONSE_LIBRARY_EXCEPTION: return AMQPError(.connectionLost, text(ofStatus: reply.library_error))
        case AMQP_RESPONSE_SERVER_EXCEPTION:
            if case .channelClosed(let code, let reason) = method(reply.reply) {
                return AMQPError(.refused(code), reason)
            }
            if case .connectionClosed(let code, let reason) = method(reply.reply) {
                return AMQPError(.refused(code), reason)
            }
            return AMQPError(.protocolViolation, "an unexpected answer")
        default: return AMQPError(.connectionLost, "end of stream")
        }
    }

    static func check(status: Int32) throws(AMQPError) {
        if status != 0 { throw AMQPError(.connectionLost, text(ofStatus: status)) }
    }

    static func text(ofStatus status: Int32) -> String {
        amqp_error_string2(status).map { String(cString: $0) } ?? "error \(status)"
    }

    // MARK: - Bytes

    private static func bytes(_ bytes: amqp_bytes_t) -> [UInt8] {
        guard let start = bytes.bytes, bytes.len > 0 else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: start, count: bytes.len))
    }

    private static func text(_ bytes: amqp_bytes_t) -> String { String(decoding: self.bytes(bytes), as: UTF8.self) }
}

/// Method numbers of amqp_framing.h, whose macros Swift does not import: class << 16 | method.
enum MethodID {
    static let connectionClose: UInt32 = 10 << 16 | 50
    static let connectionBlocked: UInt32 = 10 << 16 | 60
    static let connectionUnblocked: UInt32 = 10 << 16 | 61
    static let channelClose: UInt32 = 20 << 16 | 40
    static let basicCancel: UInt32 = 60 << 16 | 30
    static let basicReturn: UInt32 = 60 << 16 | 50
    static let basicDeliver: UInt32 = 60 << 16 | 60
    static let basicAck: UInt32 = 60 << 16 | 80
    static let basicNack: UInt32 = 60 << 16 | 120

    // Bits of the property flags of class basic.
    static let contentTypeFlag: UInt32 = 1 << 15
    static let deliveryModeFlag: UInt32 = 1 << 12
    static let messageIDFlag: UInt32 = 1 << 7
    static let appIDFlag: UInt32 = 1 << 3
}
