/// "Tell me of your sessions for a while": from watchd to every daemon that has sessions, and again before the time is up.
package struct WatchRequest: BusMessage, Hashable {
    package static let schema = RoutingKey.watchRequested
    package static let version = 1
    /// No request holds longer than this.
    package static let maximumSeconds = 60
    /// More accounts than this are not asked for at once.
    package static let maximumAccounts = 64

    package let schema: String
    package let version: Int
    /// Which watchd asks; its newest request is the one that counts.
    package let watcher: String
    /// For how long; 0 ends it.
    package let seconds: Int
    /// All sessions, those of nobody included.
    package let everything: Bool
    /// Otherwise only sessions of these accounts.
    package let accounts: [Int64]
    /// Not `nil`: also tell the last sessions, once, and repeat this number with them.
    package let summaries: Int?

    package init(watcher: String, seconds: Int, everything: Bool, accounts: [Int64], summaries: Int? = nil) {
        self.schema = Self.schema
        self.version = Self.version
        self.watcher = watcher
        self.seconds = min(max(seconds, 0), Self.maximumSeconds)
        self.everything = everything
        self.accounts = Array(accounts.prefix(Self.maximumAccounts))
        self.summaries = summaries
    }
}
