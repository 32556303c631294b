import MailWire

/// The rules of `<style>` elements that hide: those for one class, one id or one tag, outside of at-rules.
struct HTMLStyleSheet {
    private static let maximumRules = 256
    private var rules: [[UInt8]: [UInt8]] = [:]

    var isEmpty: Bool { rules.isEmpty }

    /// Reads one style element. Rules inside `@media` and the like are for some screens only and do not count.
    mutating func add(_ css: UnsafeRawBufferPointer) {
        var position = 0
        while position < css.count, rules.count < Self.maximumRules {
            skipCommentsAndSpace(css, &position)
            guard position < css.count else { return }
            let start = position
            guard let open = css[position...].firstIndex(of: UInt8(ascii: "{")) else { return }
            if css[start] == UInt8(ascii: "@") {
                position = skipAtRule(css, from: start, open: open)
                continue
            }
            let close = css[open...].firstIndex(of: UInt8(ascii: "}")) ?? css.count
            addRule(css, selectors: start..<open, declarations: open + 1..<max(open + 1, close))
            position = close + 1
        }
    }

    private func skipCommentsAndSpace(_ css: UnsafeRawBufferPointer, _ position: inout Int) {
        while position < css.count {
            if css[position].isFoldingWhiteSpace || css[position] == UInt8(ascii: "}") {
                position += 1
            } else if position + 1 < css.count, css[position] == UInt8(ascii: "/"),
                css[position + 1] == UInt8(ascii: "*")
            {
                let end = ASCII.firstIndexIgnoringCase(of: "*/", in: css, from: position + 2)
                position = end.map { $0 + 2 } ?? css.count
            } else if ASCII.hasPrefixIgnoringCase(css[position...], "<!--") {
                position += 4
            } else {
                return
            }
        }
    }

    /// `@import ...;` ends at its semicolon, `@media ... { ... }` at the brace that matches.
    private func skipAtRule(_ css: UnsafeRawBufferPointer, from start: Int, open: Int) -> Int {
        if let semicolon = css[start..<open].firstIndex(of: UInt8(ascii: ";")) { return semicolon + 1 }
        var depth = 0
        for index in open..<css.count {
            if css[index] == UInt8(ascii: "{") { depth += 1 }
            if css[index] == UInt8(ascii: "}") { depth -= 1 }
            if depth == 0 { return index + 1 }
        }
        return css.count
    }

    private mutating func addRule(_ css: UnsafeRawBufferPointer, selectors: Range<Int>, declarations: Range<Int>) {
        let body = [UInt8](css[declarations].prefix(1_024))
        for selector in css[selectors].split(separator: UInt8(ascii: ",")).prefix(16) {
            let range = ASCII.trimmedRange(css, selector.startIndex..<selector.endIndex)
            let isSimple =
                !range.isEmpty && range.count <= 64
                && css[range].dropFirst().allSatisfy { $0.isASCIIAlphanumeric || $0 == 0x2D || $0 == 0x5F }
            guard isSimple else { continue }
            rules[ASCII.lowercased(css[range]), default: []] += body + [UInt8(ascii: ";")]
        }
    }

    /// The declarations for a selector such as `.name`, `#name` or `tag`.
    func apply(_ selector: [UInt8], to style: inout HTMLStyle) {
        rules[selector]?.withUnsafeBytes { style.apply($0) }
    }
}
