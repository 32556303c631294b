package import DNSResolver

/// Whether names can be looked up at all.
package enum ResolverCheck {
    /// - Parameter host: the server's own name, which should be found.
    package static func run(_ resolver: DNSResolver, host: String) async -> [Finding] {
        let begun = ContinuousClock.now
        func took() -> Int { Int((ContinuousClock.now - begun) / .milliseconds(1)) }
        do throws(DNSError) {
            _ = try await resolver.addresses(host)
            return [judge(took())]
        } catch {
            // That a name does not exist is an answer, too.
            guard error.isTemporary else { return [judge(took())] }
            return [
                Finding(
                    "resolver", "DNS", .problem, "does not answer (\(error))",
                    why: "Mail to other hosts waits, and senders can't be checked.",
                    advice: "Look at /etc/resolv.conf and at UDP and TCP port 53, or set MARTLET_DNS_FORWARDERS.")
            ]
        }
    }

    private static func judge(_ milliseconds: Int) -> Finding {
        guard milliseconds > 3000 else { return Finding("resolver", "DNS", .ok, "answers in \(milliseconds) ms") }
        return Finding(
            "resolver", "DNS", .warning, "answers, but only after \(milliseconds / 1000) s",
            why: "Every delivery waits for such answers.",
            advice: "Use a resolver of your own, or nearer ones: MARTLET_DNS_FORWARDERS.")
    }
}
