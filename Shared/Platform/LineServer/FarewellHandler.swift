import NIOCore

/// Says one line to a client that cannot be served, and closes.
final class FarewellHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let farewell: [UInt8]

    init(_ farewell: [UInt8]) { self.farewell = farewell }

    func channelActive(context: ChannelHandlerContext) {
        if !farewell.isEmpty {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: farewell)), promise: nil)
        }
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
