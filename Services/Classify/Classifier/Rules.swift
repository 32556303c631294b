package import MailCore
import MailRules

/// The deterministic rules: a verdict is never milder than theirs (a model can add suspicion, not remove it).
///
/// What they are is in `MailRules`, because filerd applies them too, to mail that nobody judged in time.
package struct RuleFindings: Sendable, Equatable {
    package private(set) var codes: [ReasonCode] = []

    package init() {}

    /// The mildest label that these findings allow.
    package var floor: Verdict.Label { codes.isEmpty ? .ham : .spam }

    mutating func check(visible: [UInt8], parts: [PartList.Leaf]) {
        if MailRules.holdsTestPattern(visible) { codes.append(.ruleTestPattern) }
        if parts.contains(where: { MailRules.isDisguisedProgram($0.fileName) }) { codes.append(.ruleDisguisedProgram) }
    }

    static func text(_ code: ReasonCode) -> String {
        (MailRule(rawValue: code.rawValue) ?? .disguisedProgram).text
    }
}
