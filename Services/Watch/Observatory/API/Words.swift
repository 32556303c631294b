import Storage

/// What a person reads: counts and times in words.
enum Words {
    static func time(_ seconds: Double) -> String {
        guard seconds >= 1 else { return "less than a second" }
        let units: [(Double, String)] = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")]
        guard seconds.isFinite, seconds < 1e9, let unit = units.first(where: { seconds >= $0.0 }) else { return "ages" }
        return count(Int64(seconds / unit.0), unit.1)
    }

    static func count(_ number: Int64, _ noun: String, _ plural: String? = nil) -> String {
        number == 1 ? "1 \(noun)" : "\(number) \(plural ?? noun + "s")"
    }

    // MARK: - Stages

    /// What mails wait for at a stage.
    static func waiting(at stage: String, _ isOne: Bool) -> String {
        switch stage {
        case "classify": "\(isOne ? "waits" : "wait") for a verdict"
        case "file": "\(isOne ? "waits" : "wait") to be filed"
        case "relay": "\(isOne ? "waits" : "wait") to leave"
        default: "\(isOne ? "is" : "are") at \(stage)"
        }
    }

    static func stage(_ stage: String, waiting: Int64, parked: Int64, oldestSeconds: Double?) -> String {
        var text: String
        switch waiting {
        case 0: text = "no mail \(Self.waiting(at: stage, true))"
        case 1: text = "1 mail \(Self.waiting(at: stage, true))"
        default: text = "\(waiting) mails \(Self.waiting(at: stage, false))"
        }
        if let oldestSeconds {
            text +=
                waiting > 1
                ? ", the oldest for \(time(oldestSeconds))" : waiting == 1 ? ", for \(time(oldestSeconds))" : ""
        }
        return parked == 0 ? text : "\(text); \(count(parked, "piece of work is", "pieces of work are")) parked"
    }

    static func queue(_ messages: Int, _ consumers: Int) -> String {
        let hints = messages == 0 ? "empty" : count(Int64(messages), "hint") + " waiting"
        return "\(hints), \(consumers == 0 ? "no worker" : count(Int64(consumers), "worker"))"
    }

    // MARK: - Events of a mail

    static func event(_ event: String, _ detail: [String: TraceValue]) -> String {
        switch event {
        case "accepted": return "accepted"
        case "classified": return judged(detail)
        case "unclassified": return "went on without a verdict" + because(detail)
        case "filed": return detail["name"].map { "filed in \($0)" } ?? "filed"
        case "discarded": return "dropped" + because(detail)
        case "appended": return "written by a mail program"
        case "relabelled": return relabelled(detail)
        case "parked": return "given up for now" + because(detail)
        case "relayed": return "delivered" + (detail["host"].map { " to \($0)" } ?? "") + reply(detail)
        case "deferred": return "could not be delivered yet" + reply(detail)
        case "undeliverable", "bounced": return "cannot be delivered" + reply(detail)
        case "notified": return "the sender was told"
        default: return event
        }
    }

    private static func judged(_ detail: [String: TraceValue]) -> String {
        guard let label = detail["label"] else { return "judged" }
        var text = "judged \(label)"
        switch detail["probability"] {
        case .number(let value) where (0...1).contains(value): text += ", \(percent(value)) unwanted"
        case .integer(let value): text += ", \(percent(Double(value))) unwanted"
        default: break
        }
        if case .text(let category)? = detail["category"] { text += ", \(category)" }
        return detail["late"] == .flag(true) ? text + ", late" : text
    }

    static func percent(_ probability: Double) -> String {
        guard probability.isFinite else { return "?" }
        return "\(Int((min(max(probability, 0), 1) * 100).rounded())) %"
    }

    private static func relabelled(_ detail: [String: TraceValue]) -> String {
        let label = detail["label"].map { " \($0)" } ?? ""
        return "labelled\(label) after filing"
    }

    private static func because(_ detail: [String: TraceValue]) -> String { detail["reason"].map { ": \($0)" } ?? "" }

    private static func reply(_ detail: [String: TraceValue]) -> String {
        (detail["reply"] ?? detail["reason"]).map { ": \($0)" } ?? ""
    }
}
