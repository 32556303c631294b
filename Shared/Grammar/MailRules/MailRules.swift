package import MessageGrammar

/// A deterministic rule that a mail broke. Raw values are reason codes of a verdict.
package enum MailRule: String, Sendable, CaseIterable {
    case testPattern = "rule.test-pattern"
    case disguisedProgram = "rule.disguised-program"

    /// In plain words.
    package var text: String {
        switch self {
        case .testPattern: "It holds the test pattern that every spam filter calls spam (GTUBE)"
        case .disguisedProgram: "An attached program carries the name of a document"
        }
    }
}

/// The deterministic rules: a model's verdict is never milder than theirs, and without a verdict they decide alone.
///
/// There are few on purpose. A rule must be right for every mail; everything that is only likely belongs to the model.
package enum MailRules {
    private static let maximumLeaves = 100
    /// The longest of `programs` has eleven letters.
    private static let longestSuffix = 12

    /// The Generic Test for Unsolicited Bulk Email: a string that every filter agrees to call spam.
    private static let gtube: StaticString = "XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"

    package static func holdsTestPattern(_ bytes: [UInt8]) -> Bool {
        gtube.withUTF8Buffer { needle in
            guard let first = needle.first, bytes.count >= needle.count else { return false }
            let last = bytes.count - needle.count
            var start = 0
            while start <= last, let found = bytes[start...last].firstIndex(of: first) {
                if bytes[found..<found + needle.count].elementsEqual(needle) { return true }
                start = found + 1
            }
            return false
        }
    }

    /// `invoice.pdf.exe`: a program whose name shows a document's ending.
    /// - Parameter name: in lower case.
    package static func isDisguisedProgram(_ name: String) -> Bool {
        guard programs.contains(suffix(of: name)), let dot = name.lastIndex(of: ".") else { return false }
        // Spaces push the true ending out of sight: `invoice.pdf        .exe`.
        let before = name[..<dot].reversed().drop { $0 == " " || $0 == "_" }
        return documents.contains(suffix(of: String(String(before).reversed())))
    }

    /// What follows the last dot; empty when there is none or it is too long to be an ending.
    package static func suffix(of name: String) -> String {
        guard let dot = name.lastIndex(of: ".") else { return "" }
        let suffix = name[name.index(after: dot)...].filter { $0 != " " && $0 != "\"" }
        return suffix.utf8.count <= longestSuffix ? String(suffix) : ""
    }

    /// The rules that a mail breaks, as far as its summary and its first bytes show.
    package static func check(_ summary: MessageSummary, beginning: [UInt8]) -> [MailRule] {
        var broken: [MailRule] = []
        var open = [summary.structure]
        var leaves = 0
        while let part = open.popLast(), leaves < maximumLeaves {
            if let enclosed = part.enclosed {
                open.append(enclosed.structure)
            } else if !part.children.isEmpty {
                open.append(contentsOf: part.children.reversed())
            } else {
                leaves += 1
                let name = part.disposition?.parameters.text("filename") ?? part.parameters.text("name") ?? ""
                if isDisguisedProgram(name.lowercased()) { broken.append(.disguisedProgram) }
                if part.mediaType.isText, holdsTestPattern(decoded(part, beginning)) { broken.append(.testPattern) }
            }
        }
        if summary.flags.contains(.ambiguous), !broken.contains(.testPattern),
            holdsTestPattern(OtherReadings.all(of: beginning[...]))
        {
            broken.append(.testPattern)
        }
        return MailRule.allCases.filter(broken.contains)
    }

    private static func decoded(_ part: BodyPart, _ bytes: [UInt8]) -> [UInt8] {
        let start = min(max(0, part.bodyOffset), bytes.count)
        let length = min(max(0, part.bodyLength), bytes.count - start)
        guard length > 0 else { return [] }
        var text: [UInt8] = []
        var decoder = TransferDecoder(part.encoding)
        bytes.withUnsafeBytes { buffer in
            decoder.feed(UnsafeRawBufferPointer(rebasing: buffer[start..<start + length]), into: &text)
        }
        decoder.finish(into: &text)
        return text
    }

    package static let programs: Set<String> = [
        "exe", "scr", "com", "pif", "bat", "cmd", "vbs", "vbe", "js", "jse", "wsf", "wsh", "hta", "cpl", "msi", "lnk",
        "ps1", "jar", "reg", "dll", "msc", "application", "appx",
    ]
    private static let documents: Set<String> = [
        "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "txt", "rtf", "jpg", "jpeg", "png", "gif", "zip", "htm",
        "html", "csv", "mp3", "mp4", "odt", "ods",
    ]
}
