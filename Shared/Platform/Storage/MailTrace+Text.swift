import MailCore

extension MailTrace {
    /// For a terminal. Control characters of what peers sent are shown as `?`.
    package var humanText: String {
        var lines = [
            "mail    \(mail)", "from    <\(envelopeFrom)>, \(origin), \(size) bytes, accepted \(receivedAt)",
            "trace   \(traceparent)",
        ]
        for recipient in recipients {
            let target = recipient.account.map { "account \($0)" } ?? "another host"
            lines.append("to      \(recipient.number): <\(recipient.address)>, \(target)")
        }
        lines.append("")
        for event in events { lines.append(line(of: event)) }
        if let verdict {
            lines += [
                "",
                "verdict \(verdict.label.rawValue), p=\(rounded(verdict.probability)), model \(verdict.modelVersion)"
                    + (verdict.category.map { ", category \($0.rawValue)" } ?? ""),
            ]
        }
        for reason in verdict?.reasons ?? [] {
            lines.append(
                "        \(reason.weight < 0 ? "" : "+")\(rounded(reason.weight))  \(reason.code): \(reason.text)")
        }
        if let learning, learning.lessons > 0 { lines.append(line(of: learning)) }
        for lesson in lessons { lines.append(line(of: lesson)) }
        lines.append("")
        for copy in copies {
            lines.append(
                "now     account \(copy.account): \(copy.mailbox), UID \(copy.uid), \(copy.isSeen ? "seen" : "unseen")")
        }
        if copies.isEmpty { lines.append("now     in no mailbox") }
        for work in work { lines.append(line(of: work)) }
        if work.isEmpty { lines.append("work    finished") }
        return lines.map(printable).joined(separator: "\n") + "\n"
    }

    private func line(of event: Event) -> String {
        let detail = event.detail.filter { $0.value != .nothing }.sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        let copy = event.recipient == 0 ? "" : " copy \(event.recipient)"
        let time = rounded(event.seconds)
        return "\(String(repeating: " ", count: max(0, 9 - time.count)))+\(time) s  \(event.event)\(copy)  \(detail)"
    }

    private func line(of learning: Learning) -> String {
        var text = "model   \(learning.model) knew \(learning.lessons) lessons"
        text += " (\(learning.spam) spam, \(learning.ham) ham)"
        guard learning.nearSpam + learning.nearHam > 0 else { return text }
        text += "; on mail from this domain \(learning.nearSpam) spam, \(learning.nearHam) ham: "
        text += learning.nearMails.map { "\($0)" }.joined(separator: " ")
        return text + (learning.nearMails.count < learning.nearSpam + learning.nearHam ? " ..." : "")
    }

    private func line(of lesson: Lesson) -> String {
        let reporter = lesson.account.map { "account \($0)" } ?? "the operator"
        let learnt = lesson.model.map { "learnt in model \($0)" } ?? lesson.outcome
        return "lesson  \(lesson.label) says \(reporter) (\(lesson.source)) \(lesson.at), \(learnt)"
    }

    private func line(of work: Work) -> String {
        var text = "work    \(work.stage)"
        if work.recipient != 0 { text += " copy \(work.recipient)" }
        text += " since \(work.since), \(work.attempts) attempts"
        if let relay = work.relay, work.parkedAt == nil { return line(of: relay, work) }
        if let parked = work.parkedAt { return text + ", PARKED \(parked): \(work.lastError ?? "no reason noted")" }
        text += ", next hint \(work.nextHintAt)"
        return work.lastError.map { "\(text), last error: \($0)" } ?? text
    }
}

extension MailTrace {
    private func line(of relay: Relay, _ work: Work) -> String {
        var text = "work    relay copy \(work.recipient) to \(relay.domain) since \(work.since)"
        text += ", \(relay.tries) attempts"
        text += relay.nextAttemptAt.map { ", next \($0)" } ?? ", being delivered"
        text += ", until \(relay.expiresAt)"
        if let reply = relay.lastReply { text += ", last answer: \(relay.lastHost.map { $0 + ": " } ?? "")\(reply)" }
        if let reason = relay.heldBecause { text += ", the domain waits: \(reason)" }
        return text
    }
}

/// Three decimals.
private func rounded(_ value: Double) -> String {
    guard value.isFinite, abs(value) < 1e12 else { return "?" }
    let thousandths = Int64((abs(value) * 1000).rounded())
    let fraction = String(1000 + thousandths % 1000).dropFirst()
    return "\(value < 0 ? "-" : "")\(thousandths / 1000).\(fraction)"
}

private func printable(_ line: String) -> String {
    String(
        String.UnicodeScalarView(
            line.unicodeScalars.map { scalar in
                switch scalar.value {
                case 0..<0x20, 0x7F...0x9F, 0x2028...0x202E, 0x2066...0x2069: "?"
                default: scalar
                }
            }))
}
