import Hummingbird
import NIOCore

/// What a request is handled with: who is at the other end of the connection, and how to end it.
struct WatchContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        channel = source.channel
    }
}
