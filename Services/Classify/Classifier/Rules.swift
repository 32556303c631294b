package import MailCore

/// The deterministic rules: a verdict is never milder than theirs (a model can add suspicion, not remove it).
///
/// There are few on purpose. A rule must be right for every mail; everything that is only likely belongs to the model.
package struct RuleFindings: Sendable, Equatable {
    /// The Generic Test for Unsolicited Bulk Email: a string that every filter agrees to call spam.
    static let testPattern: StaticString = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

    package private(set) var codes: [ReasonCode] = []

    package init() {}

    /// The mildest label that these findings allow.
    package var floor: Verdict.Label { codes.isEmpty ? .ham : .spam }

    mutating func check(visible: [UInt8], parts: [PartList.Leaf]) {
        if Self.contains(visible, Self.testPattern) { codes.append(.ruleTestPattern) }
        if parts.contains(where: { FileKind.isDisguisedProgram($0.fileName) }) { codes.append(.ruleDisguisedProgram) }
    }

    private static func contains(_ bytes: [UInt8], _ pattern: StaticString) -> Bool {
        pattern.withUTF8Buffer { needle in
            guard let first = needle.first, bytes.count >= needle.count else { return false }
            var start = 0
            while let found = bytes[start...(bytes.count - needle.count)].firstIndex(of: first) {
                if bytes[found..<found + needle.count].elementsEqual(needle) { return true }
                start = found + 1
                if start > bytes.count - needle.count { return false }
            }
            return false
        }
    }

    static func text(_ code: ReasonCode) -> String {
        switch code {
        case .ruleTestPattern: "It holds the test pattern that every spam filter calls spam (GTUBE)"
        default: "An attached program carries the name of a document"
        }
    }
}
