import NIOCore

/// Closes a connection whose client has not taken what was written to it for a while. The idle time of the HTTP library
/// stands still while an answer is being written.
final class WriteStall: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = Never

    private let limit: TimeAmount
    private var end: Scheduled<Void>?

    init(after limit: TimeAmount) { self.limit = limit }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        end?.cancel()
        end = nil
        if !context.channel.isWritable {
            let channel = context.channel
            end = context.eventLoop.scheduleTask(in: limit) { channel.close(promise: nil) }
        }
        context.fireChannelWritabilityChanged()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end?.cancel() }
}
