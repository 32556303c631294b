import MailWire

/// The attributes of one start tag that matter here, as ranges of the source. The first of a name counts (HTML
/// 13.2.5.33).
struct HTMLAttributes {
    private(set) var href: Range<Int>?
    private var style: Range<Int>?
    private var className: Range<Int>?
    private var id: Range<Int>?
    private var color: Range<Int>?
    private var background: Range<Int>?
    private var size: Range<Int>?
    private var isHidden = false

    /// From the end of the tag's name; gives the position after `>`.
    mutating func read(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var position = start
        while position < bytes.count {
            let byte = bytes[position]
            if byte == UInt8(ascii: ">") { return position + 1 }
            if byte.isFoldingWhiteSpace || byte == UInt8(ascii: "/") {
                position += 1
                continue
            }
            attribute(bytes, &position)
        }
        return position
    }

    private mutating func attribute(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) {
        let nameStart = position
        // A name has at least one byte, so that this always advances.
        position += 1
        while position < bytes.count, !bytes[position].isFoldingWhiteSpace, bytes[position] != UInt8(ascii: "="),
            bytes[position] != UInt8(ascii: ">"), bytes[position] != UInt8(ascii: "/")
        { position += 1 }
        let name = nameStart..<position
        var afterSpace = position
        while afterSpace < bytes.count, bytes[afterSpace].isFoldingWhiteSpace { afterSpace += 1 }
        guard afterSpace < bytes.count, bytes[afterSpace] == UInt8(ascii: "=") else {
            set(bytes, name, afterSpace..<afterSpace)
            return
        }
        position = afterSpace + 1
        while position < bytes.count, bytes[position].isFoldingWhiteSpace { position += 1 }
        set(bytes, name, value(bytes, &position))
    }

    private func value(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> Range<Int> {
        guard position < bytes.count else { return position..<position }
        let quote = bytes[position]
        if quote == UInt8(ascii: "\"") || quote == UInt8(ascii: "'") {
            let start = position + 1
            let end = bytes[start...].firstIndex(of: quote) ?? bytes.count
            position = min(end + 1, bytes.count)
            return start..<end
        }
        let start = position
        while position < bytes.count, !bytes[position].isFoldingWhiteSpace, bytes[position] != UInt8(ascii: ">") {
            position += 1
        }
        return start..<position
    }

    private mutating func set(_ bytes: UnsafeRawBufferPointer, _ name: Range<Int>, _ value: Range<Int>) {
        let text = UnsafeRawBufferPointer(rebasing: bytes[name])
        func isNamed(_ constant: StaticString) -> Bool { ASCII.equalsIgnoringCase(text, constant) }
        switch text.count {
        case 2: if isNamed("id") { id = id ?? value }
        case 4:
            if isNamed("href") { href = href ?? value }
            if isNamed("size") { size = size ?? value }
        case 5:
            if isNamed("style") { style = style ?? value }
            if isNamed("class") { className = className ?? value }
            if isNamed("color") { color = color ?? value }
        case 6: if isNamed("hidden") { isHidden = true }
        case 7: if isNamed("bgcolor") { background = background ?? value }
        default: break
        }
    }

    /// The element's style: what it inherits, then style sheets, then attributes, then its own `style`.
    func style(
        of tag: HTMLTag, _ bytes: UnsafeRawBufferPointer, inheriting parent: HTMLStyle, _ sheet: HTMLStyleSheet
    ) -> HTMLStyle {
        var result = parent
        if !sheet.isEmpty { applySheet(sheet, bytes, to: &result) }
        if isHidden { result.isRemoved = true }
        if let color { result.applyColor(UnsafeRawBufferPointer(rebasing: bytes[color])) }
        if let background, let found = HTMLColor.parse(UnsafeRawBufferPointer(rebasing: bytes[background])) {
            result.background = found
        }
        if tag == .font, let size, let first = bytes[size].first { result.isTiny = first == UInt8(ascii: "0") }
        guard let style else { return result }
        // Entities in a style attribute are rare and mostly a disguise.
        if bytes[style].contains(UInt8(ascii: "&")) {
            var decoded: [UInt8] = []
            HTMLEntity.append(bytes, style, to: &decoded)
            decoded.withUnsafeBytes { result.apply($0) }
        } else {
            result.apply(UnsafeRawBufferPointer(rebasing: bytes[style]))
        }
        return result
    }

    private func applySheet(_ sheet: HTMLStyleSheet, _ bytes: UnsafeRawBufferPointer, to style: inout HTMLStyle) {
        if let className {
            for name in bytes[className].split(whereSeparator: \.isFoldingWhiteSpace).prefix(8) {
                sheet.apply([UInt8(ascii: ".")] + ASCII.lowercased(name.prefix(64)), to: &style)
            }
        }
        if let id { sheet.apply([UInt8(ascii: "#")] + ASCII.lowercased(bytes[id].prefix(64)), to: &style) }
    }
}
