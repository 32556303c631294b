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

    static let a = HTMLTag("a")
    static let br = HTMLTag("br")
    static let font = HTMLTag("font")
    static let form = HTMLTag("form")
    static let img = HTMLTag("img")
    static let p = HTMLTag("p")
    static let script = HTMLTag("script")
    static let style = HTMLTag("style")

    /// What reading needs to know of a tag; one look-up for all of it.
    struct Traits: OptionSet {
        let rawValue: UInt8
        /// Never has content.
        static let void = Traits(rawValue: 1)
        /// Its content is no text of the page and is skipped to the end tag.
        static let raw = Traits(rawValue: 2)
        /// Begins and ends a line.
        static let block = Traits(rawValue: 4)
        /// Separates words.
        static let cell = Traits(rawValue: 8)
        /// Closed by the next one of its kind (HTML 13.1.2.4, optional tags).
        static let selfEnding = Traits(rawValue: 16)
    }

    var traits: Traits { Self.traits[packed] ?? [] }

    private static let traits: [UInt64: Traits] = {
        let lists: [(Traits, [StaticString])] = [
            (.void, ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source"]),
            (.void, ["track", "wbr"]),
            (.raw, ["script", "style", "title", "textarea", "xmp", "noframes", "iframe", "template", "noembed"]),
            (.block, ["address", "article", "aside", "blockquote", "body", "br", "center", "dd", "div", "dl", "dt"]),
            (.block, ["fieldset", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main"]),
            (.block, ["nav", "ol", "p", "pre", "section", "table", "tbody", "tfoot", "thead", "tr", "ul"]),
            (.cell, ["td", "th", "option", "button", "input"]),
            (.selfEnding, ["p", "li", "dd", "dt", "tr", "td", "th", "option", "tbody", "thead", "tfoot"]),
        ]
        var table: [UInt64: Traits] = [:]
        for (trait, names) in lists {
            for name in names { table[HTMLTag(name).packed, default: []].insert(trait) }
        }
        return table
    }()
}
