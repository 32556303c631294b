package import NIOCore

/// Sits between the socket and TLS of a watched session, copies both hellos and lets everything pass.
package final class HandshakeTap: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundIn = ByteBuffer

    private(set) var handshake = TLSHandshake()
    private let begun = ContinuousClock.now
    private let isClient: Bool
    private var client = HelloCollector(type: 1)
    private var server = HelloCollector(type: 2)

    /// As a client our own hello goes out, and the server's comes in.
    package init(asClient: Bool = false) { isClient = asClient }

    /// The handshake as seen until now.
    package func finished(showing chain: [String]) -> TLSHandshake {
        handshake.certificateChain = chain
        handshake.duration = .now - begun
        return handshake
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isClient { fromServer(unwrapInboundIn(data)) } else { fromClient(unwrapInboundIn(data)) }
        context.fireChannelRead(data)
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if isClient { fromClient(unwrapOutboundIn(data)) } else { fromServer(unwrapOutboundIn(data)) }
        context.write(data, promise: promise)
    }

    private func fromClient(_ buffer: ByteBuffer) {
        if !client.isDone, let body = client.feed(buffer) { handshake.readClientHello(body) }
    }

    private func fromServer(_ buffer: ByteBuffer) {
        if !server.isDone, let body = server.feed(buffer) { handshake.readServerHello(body) }
    }
}

/// Puts the first handshake message of one direction together from its records (RFC 8446 5.1).
struct HelloCollector {
    /// Larger hellos are not looked at.
    private static let limit = 16 * 1024
    private static let handshakeRecord: UInt8 = 22

    private let type: UInt8
    private var bytes: [UInt8] = []
    private(set) var isDone = false

    init(type: UInt8) { self.type = type }

    /// The message's body, once it is whole.
    mutating func feed(_ buffer: ByteBuffer) -> ArraySlice<UInt8>? {
        bytes.append(contentsOf: buffer.readableBytesView.prefix(Self.limit + 1))
        var message: [UInt8] = []
        var rest = bytes[...]
        while rest.count >= 5 {
            let head = Array(rest.prefix(5))
            let length = Int(head[3]) << 8 | Int(head[4])
            guard head[0] == Self.handshakeRecord, rest.count >= 5 + length else { break }
            message += rest.dropFirst(5).prefix(length)
            rest = rest.dropFirst(5 + length)
        }
        guard bytes.count <= Self.limit, bytes.first == Self.handshakeRecord || bytes.isEmpty else { return end() }
        guard message.count >= 4 else { return nil }
        guard message[0] == type else { return end() }
        let length = Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3])
        guard message.count >= 4 + length else { return nil }
        _ = end()
        return message[4..<4 + length]
    }

    private mutating func end() -> ArraySlice<UInt8>? {
        isDone = true
        bytes = []
        return nil
    }
}
