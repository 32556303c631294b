import DNSResolver
import ServiceKit

/// The connection of one run, and the hosts that are left to try when it ends.
///
/// Addresses are tried in the order of the route, each once (RFC 5321 5.1); one that served a mail and then closed is
/// connected to again.
struct HostLine {
    /// What there is to send by.
    enum Way {
        case open(any RelayConnection)
        /// The route says so: for every mail of the domain.
        case closed(RecipientResult)
        /// No host could be used. The last reason.
        case unreachable(RelayReply)
    }

    private let domain: String
    private let connector: RelayConnector
    private var candidates: [(host: MXHost, address: IPAddress)]?
    private var next = 0
    private var connection: (any RelayConnection)?
    /// Mails that the connection has served.
    private var served = 0
    private var lastFailure: RelayFailure?
    /// The first host that was left out for one mail.
    private var firstSkipped: Int?
    /// It was left out for a mail before this one, which it may take.
    private var hasUntried = false
    /// The last host of a long row gets a chance as well.
    private static let leastPatience = Duration.seconds(10)

    init(domain: String, connector: RelayConnector) {
        self.domain = domain
        self.connector = connector
    }

    /// Hosts that could not take the mail before may take this one, unless one of the others is connected to.
    mutating func beginMail() async {
        guard firstSkipped != nil else { return }
        hasUntried = true
        if let connection {
            if await connection.canGoOn() { return }
            await drop(isAtFault: false)
        }
        goBack()
    }

    private mutating func goBack() {
        next = firstSkipped ?? next
        firstSkipped = nil
        hasUntried = false
    }

    /// - Parameter deadline: no other host is tried after it. Each may use half of what is left, so that a better one
    ///   which does not answer leaves time for the others.
    mutating func way(until deadline: ContinuousClock.Instant) async -> Way {
        if let connection {
            if await connection.canGoOn() { return .open(connection) }
            await drop(isAtFault: false)
        }
        if candidates == nil {
            let route = await connector.route(domain)
            guard case .hosts(let hosts) = route else {
                if case .deferred(let reply)? = route.result { return .unreachable(reply) }
                return .closed(
                    route.result ?? .failed(RelayReply(status: "5.4.4", "There is no way to the domain", step: .route)))
            }
            candidates = hosts.flatMap { host in host.addresses.map { (host, $0) } }
        }
        if hasUntried, next >= candidates?.count ?? .max { goBack() }
        while let candidate = candidates.flatMap({ next < $0.count ? $0[next] : nil }) {
            let left = deadline - ContinuousClock.now
            guard left > .zero, !Task.isCancelled else { return .unreachable(cutShort) }
            RelayMetrics.connections.increment()
            switch await connector.open(candidate.host, candidate.address, max(left / 2, Self.leastPatience)) {
            case .success(let opened):
                connection = opened
                served = 0
                return .open(opened)
            case .failure(let failure):
                RelayMetrics.connectionFailures.increment()
                // A host that might work later says more than one that never will.
                if lastFailure.map({ $0.isFinal }) ?? true { lastFailure = failure }
                next += 1
                if hasUntried, next >= candidates?.count ?? .max { goBack() }
            }
        }
        guard let lastFailure else {
            return .unreachable(RelayReply(status: "4.4.1", "No host took the mail", step: .connect))
        }
        return lastFailure.isFinal ? .closed(lastFailure.result) : .unreachable(lastFailure.reply)
    }

    /// The reason when hosts are left that were not tried.
    private var cutShort: RelayReply {
        if let lastFailure, !lastFailure.isFinal { return lastFailure.reply }
        return RelayReply(status: "4.4.1", "No host took the mail in time", step: .connect)
    }

    /// All hosts were tried, and none was out of reach.
    var isExhausted: Bool {
        next >= candidates?.count ?? .max && !hasUntried && lastFailure.map { $0.isFinal } ?? true
    }

    /// The host can't take this mail, at none of its addresses: another one may.
    mutating func skipHost() async {
        guard let connection, let candidates, next < candidates.count else { return }
        self.connection = nil
        firstSkipped = firstSkipped ?? next
        let name = candidates[next].host.name
        while next < candidates.count, candidates[next].host.name == name { next += 1 }
        await connection.quit()
    }

    /// All hosts may be tried once more.
    mutating func startOver() {
        next = 0
        lastFailure = nil
        firstSkipped = nil
        hasUntried = false
    }

    mutating func noteServed() { served += 1 }

    /// Ends the connection. A host that is at fault before it served anything is not tried again by this run.
    mutating func drop(isAtFault: Bool, because reply: RelayReply? = nil) async {
        guard let connection else { return }
        self.connection = nil
        if isAtFault, served == 0 {
            next += 1
            if let reply { lastFailure = RelayFailure(.unreachable, reply) }
        }
        await connection.quit()
    }
}

extension RelayFailure {
    fileprivate var isFinal: Bool { if case .failed = result { true } else { false } }
}
