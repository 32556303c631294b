package import LineServer
import MailCore
package import QueueContracts

extension SessionReport.Event {
    /// `nil` for what is told otherwise: the beginning and the end of a session carry facts.
    init?(_ session: String, _ event: SessionEvent, at now: Int64) {
        switch event {
        case .opened, .closed: return nil
        case .tls(let handshake):
            self.init(session: session, at: now, kind: .tls, tls: .init(handshake))
        case .line(let direction, let text):
            self.init(
                session: session, at: now, kind: .line, isFromClient: direction == .fromClient, text: text.description)
        case .state(let name): self.init(session: session, at: now, kind: .state, text: name)
        case .reply(let code): self.init(session: session, at: now, kind: .reply, text: "\(code)")
        case .result(let condition): self.init(session: session, at: now, kind: .reply, text: condition)
        case .login(let account, let address):
            self.init(session: session, at: now, kind: .login, text: address, account: account.value)
        }
    }
}

extension SessionReport.Event {
    /// Of its JSON, generously: a control character is written as two or six.
    var estimatedBytes: Int { 600 + (text?.utf8.count ?? 0) * 2 + (tls?.estimatedBytes ?? 0) }
}

extension SessionReport.TLS {
    /// Offered names are a stranger's, and can be long; a certificate's name may have control characters (`\u0001`).
    fileprivate var estimatedBytes: Int {
        let texts = offeredProtocols.reduce(serverName?.utf8.count ?? 0) { $0 + $1.utf8.count }
        let numbers = offeredVersions.count + offeredSuites.count
        return 600 + texts * 2 + numbers * 8 + chain.reduce(0) { $0 + $1.utf8.count * 6 }
    }
}

extension SessionEvent {
    var isOpening: Bool {
        if case .opened = self { return true }
        return false
    }
}

extension SessionReport.Facts {
    package init(_ summary: SessionSummary, isOpen: Bool) {
        self.init(
            role: summary.role, peer: summary.peer, localPort: summary.localPort, account: summary.account?.value,
            address: summary.address, openedAt: summary.openedAt.microseconds,
            closedAt: isOpen ? nil : summary.closedAt.microseconds, isSecure: summary.secure, bytesIn: summary.bytesIn,
            bytesOut: summary.bytesOut, roundTrips: summary.roundTrips, reason: isOpen ? nil : summary.reason)
    }
}

extension SessionReport.TLS {
    init(_ handshake: TLSHandshake) {
        let most = SessionSelection.maximumOffers
        self.init(
            version: Int(handshake.version), suite: Int(handshake.suite),
            offeredVersions: handshake.offeredVersions.prefix(most).map(Int.init),
            offeredSuites: handshake.offeredSuites.prefix(most).map(Int.init),
            serverName: handshake.serverName?.description,
            offeredProtocols: handshake.offeredProtocols.prefix(8).map(\.description), isResumed: handshake.isResumed,
            chain: handshake.certificateChain.prefix(5).map { String($0.prefix(200)) },
            microseconds: handshake.duration.components.seconds * 1_000_000
                + handshake.duration.components.attoseconds / 1_000_000_000_000)
    }
}
