import Glibc
import MailWire

/// Walks HTML once: text goes to what can be seen or to what cannot, by the style of the innermost open element.
struct HTMLReader {
    struct Element {
        let tag: HTMLTag
        let style: HTMLStyle
    }

    private let maximumText: Int
    var summary = VisibleText()
    var stack: [Element] = []
    var style = HTMLStyle()
    var sheet = HTMLStyleSheet()
    /// Index of the open anchor in `summary.links`.
    var openLink: Int?
    private var visible = TextSink()
    private var hidden = TextSink()
    private var anchor = TextSink()

    init(maximumText: Int) { self.maximumText = maximumText }

    mutating func read(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        var position = 0
        while position < bytes.count, visible.bytes.count < maximumText {
            let found = memchr(base + position, Int32(UInt8(ascii: "<")), bytes.count - position)
            let open = found.map { UnsafeRawPointer($0) - base } ?? bytes.count
            text(bytes, position..<open)
            position = open < bytes.count ? markup(bytes, at: open) : open
        }
        closeLink()
    }

    mutating func result() -> VisibleText {
        summary.text = visible.string
        summary.hiddenText = hidden.string
        return summary
    }

    // MARK: Text

    private mutating func text(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        guard !range.isEmpty else { return }
        if style.isHidden {
            if hidden.bytes.count < VisibleText.maximumHiddenText { hidden.append(bytes, range) }
        } else {
            visible.append(bytes, range)
        }
        if openLink != nil, anchor.bytes.count < VisibleText.maximumAnchorText { anchor.append(bytes, range) }
    }

    mutating func breakLine() {
        if style.isHidden { hidden.separate() } else { visible.breakLine() }
    }

    mutating func breakWord() {
        if style.isHidden { hidden.separate() } else { visible.separate() }
        anchor.separate()
    }

    // MARK: Markup

    /// At `<`; gives the position after the markup.
    private mutating func markup(_ bytes: UnsafeRawBufferPointer, at open: Int) -> Int {
        let next = open + 1
        guard next < bytes.count else {
            text(bytes, open..<bytes.count)
            return bytes.count
        }
        if bytes[next].isASCIILetter { return startTag(bytes, nameStart: next) }
        switch bytes[next] {
        case UInt8(ascii: "/"): return endTag(bytes, nameStart: next + 1)
        case UInt8(ascii: "!"): return declaration(bytes, from: next + 1)
        case UInt8(ascii: "?"): return after(UInt8(ascii: ">"), bytes, from: next)
        default:
            text(bytes, open..<next)
            return next
        }
    }

    private func after(_ byte: UInt8, _ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        guard let base = bytes.baseAddress, start < bytes.count,
            let found = memchr(base + start, Int32(byte), bytes.count - start)
        else { return bytes.count }
        return UnsafeRawPointer(found) - base + 1
    }

    /// Comments end at `-->`; `<!-->` is a whole one (HTML 13.2.5.43).
    private func declaration(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        guard start + 1 < bytes.count, bytes[start] == UInt8(ascii: "-"), bytes[start + 1] == UInt8(ascii: "-") else {
            return after(UInt8(ascii: ">"), bytes, from: start)
        }
        return ASCII.firstIndexIgnoringCase(of: "-->", in: bytes, from: start).map { $0 + 3 } ?? bytes.count
    }

    private func nameEnd(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
        var position = start
        while position < bytes.count, bytes[position].isASCIIAlphanumeric { position += 1 }
        return position
    }

    private mutating func endTag(_ bytes: UnsafeRawBufferPointer, nameStart: Int) -> Int {
        let end = nameEnd(bytes, from: nameStart)
        let tag = HTMLTag(bytes, nameStart..<end)
        let traits = tag.traits
        if tag == .a { closeLink() }
        if traits.contains(.block) { breakLine() } else if traits.contains(.cell) { breakWord() }
        if let index = stack.lastIndex(where: { $0.tag == tag }) {
            stack.removeSubrange(index...)
            style = stack.last?.style ?? HTMLStyle()
        }
        return after(UInt8(ascii: ">"), bytes, from: end)
    }

    private mutating func startTag(_ bytes: UnsafeRawBufferPointer, nameStart: Int) -> Int {
        let nameEnd = nameEnd(bytes, from: nameStart)
        let tag = HTMLTag(bytes, nameStart..<nameEnd)
        var attributes = HTMLAttributes()
        let end = attributes.read(bytes, from: nameEnd)
        let traits = tag.traits
        closeImplied(by: tag, traits)
        if traits.contains(.block) { breakLine() } else if traits.contains(.cell) { breakWord() }
        if traits.contains(.raw) { return skipRaw(bytes, tag, nameStart..<nameEnd, from: end) }
        let inner = attributes.style(of: tag, bytes, inheriting: style, sheet)
        if tag == .img { summary.imageCount += 1 }
        if tag == .form { summary.hasForm = true }
        guard !traits.contains(.void) else { return end }
        if stack.count < VisibleText.maximumDepth {
            stack.append(Element(tag: tag, style: inner))
            style = inner
        }
        if tag == .a, let href = attributes.href { openAnchor(bytes, href) }
        return end
    }

    private mutating func closeImplied(by tag: HTMLTag, _ traits: HTMLTag.Traits) {
        guard let top = stack.last else { return }
        let isImplied =
            top.tag == tag && traits.contains(.selfEnding)
            || top.tag == .p && traits.contains(.block) && tag != .br
        guard isImplied else { return }
        stack.removeLast()
        style = stack.last?.style ?? HTMLStyle()
    }

    private mutating func skipRaw(
        _ bytes: UnsafeRawBufferPointer, _ tag: HTMLTag, _ name: Range<Int>, from start: Int
    ) -> Int {
        if tag == .script { summary.hasScript = true }
        var position = start
        while position < bytes.count {
            let open = after(UInt8(ascii: "<"), bytes, from: position) - 1
            let nameStart = open + 2
            guard nameStart + name.count <= bytes.count, bytes[open] == UInt8(ascii: "<") else { break }
            if bytes[open + 1] == UInt8(ascii: "/"),
                HTMLTag(bytes, nameStart..<self.nameEnd(bytes, from: nameStart)) == tag
            {
                if tag == .style { sheet.add(UnsafeRawBufferPointer(rebasing: bytes[start..<open])) }
                return after(UInt8(ascii: ">"), bytes, from: nameStart)
            }
            position = open + 1
        }
        return bytes.count
    }

    // MARK: Links

    private mutating func openAnchor(_ bytes: UnsafeRawBufferPointer, _ href: Range<Int>) {
        closeLink()
        summary.linkCount += 1
        guard summary.links.count < VisibleText.maximumLinks else { return }
        var target: [UInt8] = []
        HTMLEntity.append(bytes, href.prefix(VisibleText.maximumTarget), to: &target)
        summary.links.append(
            VisibleText.Link(
                target: String(decoding: ASCII.trimmed(target), as: UTF8.self), host: LinkTarget.host(target), text: "",
                isHidden: style.isHidden))
        openLink = summary.links.count - 1
        anchor = TextSink()
    }

    private mutating func closeLink() {
        guard let link = openLink else { return }
        var text = anchor.bytes.prefix(VisibleText.maximumAnchorText)
        // Not within a character.
        while let last = text.last, last >= 0x80, text.count == VisibleText.maximumAnchorText, last & 0xC0 == 0x80 {
            text.removeLast()
        }
        summary.links[link].text = String(decoding: text, as: UTF8.self)
        openLink = nil
    }
}

/// Collects text with white space collapsed and references decoded.
struct TextSink {
    private(set) var bytes: [UInt8] = []
    private var needsSpace = false

    var string: String { String(decoding: bytes, as: UTF8.self) }

    mutating func append(_ source: UnsafeRawBufferPointer, _ range: Range<Int>) {
        var position = range.lowerBound
        while position < range.upperBound {
            let byte = source[position]
            if byte.isFoldingWhiteSpace || byte == 0x0C {
                needsSpace = true
                position += 1
                continue
            }
            if needsSpace {
                if let last = bytes.last, last != .lineFeed { bytes.append(.space) }
                needsSpace = false
            }
            if byte == UInt8(ascii: "&"),
                let (scalar, end) = HTMLEntity.parse(source, at: position, end: range.upperBound)
            {
                HTMLEntity.append(scalar, to: &bytes)
                position = end
            } else {
                bytes.append(byte)
                position += 1
            }
        }
    }

    mutating func separate() { needsSpace = true }

    mutating func breakLine() {
        needsSpace = false
        if let last = bytes.last, last != .lineFeed { bytes.append(.lineFeed) }
    }
}
