import DKIM
import DNSResolver

extension DomainCheck {
    package func checkKeys() async -> [Finding] {
        guard !plan.keys.isEmpty else {
            return [
                Finding(
                    "dkim", plan.domain, .problem, "has no signing key",
                    why: "Its mail goes out unsigned, and large providers refuse or junk it.",
                    advice: "Run: martlet domain key rotate \(plan.domain)")
            ]
        }
        var findings: [Finding] = []
        for key in plan.keys { findings.append(await check(key)) }
        return findings
    }

    /// A key that does not sign yet is only a reminder.
    private func check(_ key: DomainPlan.Key) async -> Finding {
        let name = key.recordName(in: plan.domain)
        let grave: Finding.State = key.isWaiting ? .warning : .problem
        let consequence =
            key.isWaiting
            ? "The key waits: nothing is signed with it before `martlet domain key activate \(plan.domain)`."
            : "Mail is signed with this key, and no verifier can check it."
        func wrong(_ found: String) -> Finding {
            Finding("dkim", name, grave, found, why: consequence, advice: line(.dkim, name: name))
        }
        let texts: [[UInt8]]
        do throws(DNSError) {
            texts = try await resolver.texts(name).values
        } catch {
            return error.isTemporary ? unanswered("dkim", name, error) : wrong("there is no record")
        }
        // RFC 6376 3.6.2.2: with several records a verifier may take any.
        guard texts.count == 1, let text = texts.first else { return wrong("there are \(texts.count) records") }
        let record: DKIMKeyRecord
        do throws(DKIMKeyRecord.Fault) {
            record = try DKIMKeyRecord(text)
        } catch {
            return wrong(Self.words(error, Self.shown(text)))
        }
        if record.isRevoked { return wrong("the record says the key is revoked (an empty p=)") }
        guard record.keyType == key.algorithm.keyType else {
            return wrong("the record is for a key of type \(Self.shown(record.keyType)), not \(key.algorithm.keyType)")
        }
        guard record.publicKey == key.publicKey else {
            return wrong("the record holds another key, or a part of it was lost when it was entered")
        }
        guard record.hashes.isEmpty || record.hashes.contains("sha256") else { return wrong("h= forbids sha256") }
        guard record.services.isEmpty || record.services.contains("*") || record.services.contains("email") else {
            return wrong("s= forbids e-mail")
        }
        if record.isTesting {
            return Finding(
                "dkim", name, .warning, "\(key.algorithm.rawValue), with t=y",
                why: "t=y tells verifiers that the domain is only testing; they may ignore the signatures.",
                advice: "Take t=y out of the record when all is well.")
        }
        return Finding(
            "dkim", name, .ok, key.algorithm.rawValue + (key.isWaiting ? "; ready for `domain key activate`" : ""))
    }

    private static func words(_ fault: DKIMKeyRecord.Fault, _ text: String) -> String {
        switch fault {
        case .malformed: "the record is no list of tags: \(text)"
        case .otherVersion: "the record does not begin with v=DKIM1: \(text)"
        case .noKey: "the record has no p=: \(text)"
        case .unreadableKey: "the record's p= is not base64: \(text)"
        }
    }
}
