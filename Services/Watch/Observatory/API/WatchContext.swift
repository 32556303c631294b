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

    /// What failed logins are counted by: the address, of IPv6 the /64 that one subscriber usually holds.
    var peer: String {
        guard let address = channel.remoteAddress?.ipAddress else { return "local" }
        guard address.contains(":") else { return address }
        return address.split(separator: ":", omittingEmptySubsequences: false).prefix(4).joined(separator: ":")
    }
}
