/// The ports of the daemons, as a client finds them.
package struct PortCheck: Sendable {
    private let port: ServicePort
    private let host: String?
    private let authorities: String
    private let now: Int64

    /// - Parameters:
    ///   - host: the name that clients know, which the certificate must be for.
    ///   - authorities: a PEM file of those that clients trust; empty: the system's.
    package init(_ port: ServicePort, host: String?, authorities: String = "", at seconds: Int64) {
        self.port = port
        self.host = host
        self.authorities = authorities
        self.now = seconds
    }

    package func run() async -> [Finding] {
        let outcome = await PortProbe(port: port, serverName: host, authorities: authorities).run()
        guard case .tlsFailed(let reason) = outcome else { return [judge(outcome)] }
        // The certificate that was not trusted, to say what is wrong with it.
        let again = await PortProbe(port: port, serverName: host, authorities: nil).run()
        guard case .answers(let facts?) = again else { return [judge(.tlsFailed(reason))] }
        let finding = facts.judge(port.subject, host: host, at: now)
        guard finding.state == .ok || finding.state == .warning else { return [finding] }
        return [
            Finding(
                "tls", port.subject, .warning, "the certificate is from nobody that clients trust",
                why: "Mail programs ask their users whether to go on; other mail servers do not mind.",
                advice: "Get one from a public authority, or give clients the own one (doctor: --authorities FILE).")
        ]
    }

    private func judge(_ outcome: PortProbe.Outcome) -> Finding {
        func wrong(_ found: String, _ advice: String) -> Finding {
            Finding("port", port.subject, .problem, found, why: "Clients can't use it.", advice: advice)
        }
        let log = "Look into the log of martlet-\(port.daemon): it says why."
        switch outcome {
        case .refused(let reason):
            return wrong("no connection: \(DomainCheck.shown(reason))", "Is martlet-\(port.daemon) running? " + log)
        case .silent: return wrong("connects, but does not answer", log)
        case .wrongGreeting(let line):
            return wrong(
                "answers '\(DomainCheck.shown(String(line.prefix(80))))'", "Another program may have the port: ss -ltnp"
            )
        case .noStartTLS:
            return Finding(
                "port", port.subject, .problem, "does not offer \(port.keyword)",
                why: "Mail and passwords could only travel in clear text; logins are refused.",
                advice: "Set MARTLET_TLS_CERTIFICATE and MARTLET_TLS_KEY for martlet-\(port.daemon).")
        case .tlsFailed(let reason): return wrong("TLS fails: \(DomainCheck.shown(reason))", log)
        case .answers(let facts?):
            let finding = facts.judge(port.subject, host: host, at: now)
            return finding.state == .ok ? Finding("port", port.subject, .ok, "answers; TLS: \(finding.found)") : finding
        case .answers(nil): return Finding("port", port.subject, .ok, "answers")
        }
    }
}

/// Whether mail can leave: many providers close port 25 towards the world.
package struct OutboundCheck: Sendable {
    private let host: String
    private let port: Int

    /// - Parameter host: a mail server of somebody else.
    package init(host: String, port: Int = 25) {
        self.host = host
        self.port = port
    }

    package func run() async -> Finding {
        let there = ServicePort("SMTP", daemon: "relayd", host: host, port: port, dialogue: .smtp, security: .none)
        var probe = PortProbe(port: there, serverName: nil, authorities: nil)
        probe.timeout = .seconds(10)
        switch await probe.run() {
        case .answers, .wrongGreeting, .noStartTLS, .tlsFailed:
            return Finding("outbound", there.subject, .ok, "can be reached")
        case .refused(let reason):
            return closed(there, "no connection: \(DomainCheck.shown(reason))")
        case .silent: return closed(there, "no answer")
        }
    }

    private func closed(_ there: ServicePort, _ found: String) -> Finding {
        Finding(
            "outbound", there.subject, .problem, found, why: "Mail to other hosts can't leave.",
            advice: "Ask the provider to open port 25 towards the world; many close it until asked.")
    }
}
