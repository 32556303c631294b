import MailCore
package import PostgreSQL
package import Storage

/// The database: whether it answers, whether it keeps what it promised, what waits in it.
package struct DatabaseCheck: Sendable {
    private let pool: PostgresPool

    package init(pool: PostgresPool) { self.pool = pool }

    package struct Report: Sendable {
        package var findings: [Finding]
        /// `nil` when the database did not answer.
        package var facts: DatabaseFacts?
        package var roundTrip: Duration
        package var domains: [String] = []
    }

    package func run() async -> Report {
        let begun = ContinuousClock.now
        do {
            let facts = try await DatabaseFacts.read(from: pool)
            let roundTrip = ContinuousClock.now - begun
            var report = Report(findings: Self.judge(facts), facts: facts, roundTrip: roundTrip)
            report.findings += try await migrations()
            let isUpToDate = !report.findings.contains { $0.subject == "schema" && $0.state == .problem }
            do {
                report.findings += try await programs() + work()
                report.domains = try await AccountStore(pool: pool).domains().map(\.name)
            } catch {
                // Without its tables the schema is the finding, and it is there already.
                if isUpToDate { throw error }
            }
            return report
        } catch {
            let reason = (error as? PostgresError)?.detail ?? "\(error)"
            return Report(
                findings: [
                    Finding(
                        "database", "PostgreSQL", .problem, "does not answer: \(DomainCheck.shown(reason))",
                        why: "No mail is taken (451), none can be read.",
                        advice:
                            "Is it running, and is MARTLET_POSTGRES_URL right? Here: `systemctl status postgresql`."
                    )
                ], facts: nil, roundTrip: ContinuousClock.now - begun)
        }
    }

    static func judge(_ facts: DatabaseFacts) -> [Finding] {
        var findings: [Finding] = []
        func add(_ wrong: Bool, _ state: Finding.State, _ found: String, _ why: String, _ advice: String) {
            if wrong { findings.append(Finding("database", "PostgreSQL", state, found, why: why, advice: advice)) }
        }
        add(
            !facts.fsync || !facts.fullPageWrites, .problem,
            "\(facts.fsync ? "full_page_writes" : "fsync") is off",
            "A power cut loses or breaks mail that was accepted.",
            "Set it to on in postgresql.conf and reload.")
        add(
            !facts.autovacuum, .problem, "autovacuum is off", "Tables grow without end and become slow.",
            "Set autovacuum = on in postgresql.conf and reload.")
        add(
            facts.isStandby, .problem, "is a standby, which only reads", "No mail can be taken.",
            "Let MARTLET_POSTGRES_URL name the primary (target_session_attrs=read-write).")
        add(
            facts.connections * 10 > facts.maximumConnections * 9, .warning,
            "\(facts.connections) of \(facts.maximumConnections) connections are in use",
            "When none is free, mail is answered 451.", "Raise max_connections, or lower MARTLET_POSTGRES_CONNECTIONS.")
        add(
            !facts.isPrivate, .warning, "is reached over the network in clear text",
            "Mail and password verifiers can be read on the way.", "Add sslmode=verify-full to MARTLET_POSTGRES_URL.")
        add(
            facts.isSuperuser, .note, "this command is a superuser there", "A mistake could reach other databases.",
            "Give it a role that owns the schema and has CREATEROLE.")
        if !findings.contains(where: { $0.state == .problem }) {
            let size = MachineCheck.size(UInt64(max(0, facts.databaseBytes)))
            findings.insert(Finding("database", "PostgreSQL", .ok, "version \(facts.version), \(size)"), at: 0)
        }
        return findings
    }

    private func migrations() async throws -> [Finding] {
        let steps = try await pool.withConnection { try Migrator.status(on: $0) }
        if let changed = steps.first(where: \.isChanged) {
            return [
                Finding(
                    "database", "schema", .problem, "\(changed.name) was changed after it had been applied",
                    why: "This binary does not belong to this database.", advice: "Use the binaries of one release.")
            ]
        }
        let missing = steps.filter { !$0.isApplied }.map(\.name)
        guard !missing.isEmpty else { return [Finding("database", "schema", .ok, "up to date")] }
        return [
            Finding(
                "database", "schema", .problem, "\(missing.joined(separator: ", ")) not applied",
                why: "The programs need them.", advice: "Run: martlet migrate")
        ]
    }

    // MARK: - The programs and their work

    /// What stops when a daemon is away.
    static let daemons: [(name: String, state: Finding.State, why: String)] = [
        ("smtpd", .problem, "No mail is taken; senders try again for days."),
        ("classifyd", .warning, "Mail is filed without a verdict, after a wait of 30 s."),
        ("filerd", .problem, "Mail is taken but reaches no mailbox."),
        ("relayd", .problem, "Mail to other hosts waits."),
        ("accessd", .problem, "Nobody can read mail."),
        ("watchd", .warning, "No live page, no metrics, no health."),
    ]

    private func programs() async throws -> [Finding] {
        let clients = try await OperatorStatus.read(from: pool).clients
        return Self.daemons.map { daemon in
            let found = clients.filter { $0.program == "martlet-\(daemon.name)" }
            guard let client = found.first else {
                return Finding(
                    "daemon", daemon.name, daemon.state, "has no connection to the database", why: daemon.why,
                    advice: "Start it, and look into its log: the first error says why it does not run.")
            }
            guard !found.contains(where: \.isSuperuser) else {
                return Finding(
                    "daemon", daemon.name, .warning, "runs as the superuser \(DomainCheck.shown(client.role))",
                    why: "A hole in it opens the whole database.",
                    advice: "Let its MARTLET_POSTGRES_URL name the role martlet_\(daemon.name).")
            }
            return Finding("daemon", daemon.name, .ok, "running, as \(DomainCheck.shown(client.role))")
        }
    }

    private func work() async throws -> [Finding] {
        try await WorkStore(pool: pool).counts().flatMap { Self.judge($0) }
    }

    package static func judge(_ count: WorkStore.StageCount) -> [Finding] {
        var findings: [Finding] = []
        if count.parked > 0 {
            findings.append(
                Finding(
                    "queue", count.stage, .problem, "\(count.parked) given up after five tries",
                    why: "They stay where they are until somebody looks.",
                    advice: "`martlet queue parked` says why; then `martlet queue retry MAIL`."))
        }
        // Mail to other hosts may wait for days; the rest takes milliseconds.
        if let age = count.oldestSeconds, age > 600, count.waiting > 0, count.stage != "relay" {
            findings.append(
                Finding(
                    "queue", count.stage, .warning, "\(count.waiting) wait, the oldest for \(Int(age / 60)) min",
                    why: "The stage is too slow, or stands still.",
                    advice: "Is its daemon running? Look into its log, or start more of them."))
        } else if count.parked == 0 {
            findings.append(Finding("queue", count.stage, .ok, "\(count.waiting) wait"))
        }
        return findings
    }
}
