import QueueContracts

/// The broker user of each daemon, with the rights of its arrows and no more.
///
/// RabbitMQ checks three patterns: configure (declare, delete), write (publish to an exchange, bind a queue) and read
/// (consume, purge, bind to an exchange). On topic exchanges it also checks the routing key; an exchange without such a
/// rule would be open, so every user has one for each topic exchange.
enum BrokerUser: String, CaseIterable {
    case smtpd, classifyd, filerd, relayd, accessd, watchd
    /// The operator: everything.
    case admin

    var name: String { "martlet_\(rawValue)" }

    /// Queues that the process declares for itself, `<prefix>.<random>`, exclusive to its connection.
    private var ownQueues: [String] {
        switch self {
        case .smtpd, .classifyd, .relayd, .accessd, .watchd: [#"\#(rawValue)\.[0-9a-z]+"#]
        case .filerd, .admin: []
        }
    }

    private var publishesTo: [Exchange] {
        switch self {
        case .smtpd: [.mail, .watch]
        case .classifyd: [.mail, .model, .parked, .watch]
        case .filerd: [.mail, .mailbox, .parked, .watch]
        case .relayd: [.mail, .parked, .watch]
        case .accessd: [.mail, .mailbox, .watch]
        case .watchd: [.watch]
        case .admin: []
        }
    }

    private var listensTo: [Exchange] {
        switch self {
        case .classifyd: [.model]
        case .accessd: [.mailbox, .watch]
        case .smtpd, .relayd, .watchd: [.watch]
        case .filerd, .admin: []
        }
    }

    private var consumes: [Queue] {
        switch self {
        case .classifyd: [.classify, .learn]
        case .filerd: [.file]
        case .relayd: [.relay]
        case .smtpd, .accessd, .watchd, .admin: []
        }
    }

    var configure: String { self == .admin ? ".*" : Self.pattern(ownQueues) }

    var write: String {
        self == .admin ? ".*" : Self.pattern(publishesTo.map { Self.literal($0.rawValue) } + ownQueues)
    }

    var read: String {
        guard self != .admin else { return ".*" }
        let queues = consumes.flatMap { queue in QueueType.allCases.map { Self.literal($0.name(of: queue)) } }
        return Self.pattern(queues + listensTo.map { Self.literal($0.rawValue) } + ownQueues)
    }

    /// The routing keys it may publish on a topic exchange.
    func writeKeys(on exchange: Exchange) -> String {
        guard self != .admin else { return ".*" }
        guard publishesTo.contains(exchange) else { return Self.pattern([]) }
        return switch exchange {
        case .mail: Self.pattern(mailKeys.map(Self.literal))
        case .parked: Self.pattern([Self.literal(RoutingKey.parked)])
        case .watch: Self.pattern(watchKeys.map(Self.literal))
        case .mailbox, .model: ".*"  // fanout: the key says nothing
        }
    }

    /// The keys it may bind its own queue with.
    func readKeys(on exchange: Exchange) -> String {
        if self == .admin { return ".*" }
        guard listensTo.contains(exchange) else { return Self.pattern([]) }
        return self == .watchd ? #"^(daemon|session)\."# : Self.pattern([Self.literal(RoutingKey.watchRequested)])
    }

    /// What it says of itself; whoever has sessions tells of them, and only watchd may ask for that.
    private var watchKeys: [String] {
        switch self {
        case .smtpd, .relayd, .accessd: [RoutingKey.daemon(rawValue), RoutingKey.session(rawValue)]
        case .watchd: [RoutingKey.daemon(rawValue), RoutingKey.watchRequested]
        case .classifyd, .filerd: [RoutingKey.daemon(rawValue)]
        case .admin: []
        }
    }

    private var mailKeys: [String] {
        switch self {
        case .smtpd: [RoutingKey.mailAccepted]
        case .classifyd: [RoutingKey.mailClassified, RoutingKey.relayRequested]
        // The sweeper repeats every hint.
        case .filerd, .relayd: [RoutingKey.mailAccepted, RoutingKey.mailClassified, RoutingKey.relayRequested]
        case .accessd: [RoutingKey.learnRequested]
        case .watchd, .admin: []
        }
    }

    private static func literal(_ name: String) -> String { name.split(separator: ".").joined(separator: #"\."#) }

    /// Matches the whole name, one of these; nothing if there are none.
    private static func pattern(_ alternatives: [String]) -> String {
        alternatives.isEmpty ? "^$" : "^(\(alternatives.joined(separator: "|")))$"
    }
}
