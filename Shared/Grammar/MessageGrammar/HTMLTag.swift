import MailWire

/// A tag's name, packed: up to eight letters in lowercase. No two names that matter here share their first eight.
struct HTMLTag: Hashable {
    let packed: UInt64

    init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        packed = range.prefix(8).reduce(0) { $0 << 8 | UInt64(bytes[$1].asciiLowercased) }
    }

    init(_ name: StaticString) {
        let bytes = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        self.init(bytes, 0..<bytes.count)
    }

    private static func set(_ names: StaticString...) -> Set<HTMLTag> { Set(names.map { HTMLTag($0) }) }

    static let a = HTMLTag("a")
    static let br = HTMLTag("br")
    static let font = HTMLTag("font")
    static let form = HTMLTag("form")
    static let img = HTMLTag("img")
    static let p = HTMLTag("p")
    static let script = HTMLTag("script")
    static let style = HTMLTag("style")

    /// Never have content.
    static let void = set(
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr")
    /// Content that is no text of the page; skipped to the end tag.
    static let raw = set("script", "style", "title", "textarea", "xmp", "noframes", "iframe", "template", "noembed")
    /// Begin and end a line.
    static let block = set(
        "address", "article", "aside", "blockquote", "body", "br", "center", "dd", "div", "dl", "dt", "fieldset",
        "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre",
        "section", "table", "tbody", "tfoot", "thead", "tr", "ul")
    /// Separate words.
    static let cell = set("td", "th", "option", "button", "input")
    /// Closed by the next one of their kind (HTML 13.1.2.4, optional tags).
    static let selfEnding = set("p", "li", "dd", "dt", "tr", "td", "th", "option", "tbody", "thead", "tfoot")
}
