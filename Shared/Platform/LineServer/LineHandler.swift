import NIOCore
import NIOTLS

/// The channel's end of a connection: hands what happens on the socket to the actor, on their common event loop.
final class LineHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: LineConnection
    private let onActive: (LineConnection) -> Void

    init(connection: LineConnection, onActive: @escaping (LineConnection) -> Void) {
        self.connection = connection
        self.onActive = onActive
    }

    func channelActive(context: ChannelHandlerContext) {
        onActive(connection)
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        connection.assumeIsolated { $0.received(buffer) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        // Asking at once keeps the socket registered: no two epoll_ctl calls per read.
        if connection.assumeIsolated({ $0.wantsMoreInput() }) { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        connection.assumeIsolated { $0.signal(.writable) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case ChannelEvent.inputClosed:
            connection.assumeIsolated { $0.inputEnded() }
        case TLSUserEvent.handshakeCompleted:
            connection.assumeIsolated { $0.handshakeCompleted() }
        default:
            break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let text = String(describing: error)
        connection.assumeIsolated { $0.failed(text) }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.assumeIsolated { $0.closed() }
    }
}
