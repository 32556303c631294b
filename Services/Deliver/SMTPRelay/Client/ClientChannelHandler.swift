import NIOCore
import NIOTLS

/// The channel's end of a client connection: hands what happens on the socket to the actor, on their event loop.
final class ClientChannelHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: SMTPClientConnection

    init(_ connection: SMTPClientConnection) { self.connection = connection }

    func channelActive(context: ChannelHandlerContext) { context.read() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        connection.assumeIsolated { $0.received(buffer) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if connection.assumeIsolated({ $0.wantsMoreInput() }) { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        connection.assumeIsolated { $0.signal() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case TLSUserEvent.handshakeCompleted = event { connection.assumeIsolated { $0.handshakeCompleted() } }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let text = WireFault.reason(error)
        connection.assumeIsolated { $0.failed(text) }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.assumeIsolated { $0.closed() }
    }
}
