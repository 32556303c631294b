/// What a check found: how it is, why that matters, what to do.
package struct Finding: Sendable, Hashable, Encodable {
    package enum State: String, Sendable, Encodable, CaseIterable {
        case ok
        /// Good to know; nothing has to be done.
        case note
        /// It works, but not as well as it could, or not for long.
        case warning
        /// Mail is lost, refused or delayed, or soon will be.
        case problem
        /// Could not be checked.
        case unknown
    }

    /// What was looked at: `mx`, `dkim`, `tls`, `clock`, ...
    package let check: String
    /// Which one: a name, an address, a port.
    package let subject: String
    package let state: State
    /// What is there, in words.
    package let found: String
    /// What it leads to; `nil` when all is well.
    package let why: String?
    /// What to do about it.
    package let advice: String?

    package init(
        _ check: String, _ subject: String, _ state: State, _ found: String, why: String? = nil, advice: String? = nil
    ) {
        self.check = check
        self.subject = subject
        self.state = state
        self.found = found
        self.why = why
        self.advice = advice
    }
}

extension [Finding] {
    /// The same words about several subjects become one finding; what is well stays apart.
    package var merged: [Finding] {
        var result: [Finding] = []
        for finding in self {
            let twin = result.firstIndex { other in
                other.state != .ok && other.check == finding.check && other.state == finding.state
                    && other.found == finding.found && other.why == finding.why && other.advice == finding.advice
            }
            guard let twin else {
                result.append(finding)
                continue
            }
            result[twin] = Finding(
                finding.check, "\(result[twin].subject), \(finding.subject)", finding.state, finding.found,
                why: finding.why, advice: finding.advice)
        }
        return result
    }

    package var hasProblem: Bool { contains { $0.state == .problem } }

    /// A block of lines per finding; what is well takes one line.
    package var humanText: String {
        map { finding in
            let mark =
                switch finding.state {
                case .ok: "  ok      "
                case .note: "  note    "
                case .warning: "! warning "
                case .problem: "X PROBLEM "
                case .unknown: "? unknown "
                }
            var lines = ["\(mark)\(finding.check) \(finding.subject): \(finding.found)"]
            if let why = finding.why { lines.append("            \(why)") }
            for (index, line) in (finding.advice ?? "").split(separator: "\n").enumerated() {
                lines.append((index == 0 ? "         -> " : "            ") + line)
            }
            return lines.joined(separator: "\n")
        }.joined(separator: "\n")
    }
}
