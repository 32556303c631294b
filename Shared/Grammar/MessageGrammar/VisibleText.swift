/// What a person sees of an HTML body, what is hidden from them, and where its links lead.
///
/// One pass, no recursion, bounded input and output. Not a browser: it knows inline styles, old attributes and simple
/// rules of style sheets, which is where mail hides text.
package struct VisibleText: Sendable, Equatable {
    package struct Link: Sendable, Equatable {
        /// The href with entities decoded, at most `maximumTarget` bytes.
        package var target: String
        /// Lowercase host of an http, https, ftp or mailto target, otherwise empty.
        package var host: String
        /// The text between `<a>` and `</a>`, at most `maximumAnchorText` bytes.
        package var text: String
        /// The anchor stands where nobody can see it.
        package var isHidden: Bool
    }

    package static let maximumInput = 1 << 20
    package static let maximumLinks = 200
    package static let maximumTarget = 2_048
    package static let maximumAnchorText = 256
    package static let maximumHiddenText = 65_536
    package static let maximumDepth = 256

    /// Text a person can see, lines broken at block elements, white space collapsed.
    package internal(set) var text = ""
    /// Text that is there but cannot be seen.
    package internal(set) var hiddenText = ""
    package internal(set) var links: [Link] = []
    /// All links, also those above `maximumLinks`.
    package internal(set) var linkCount = 0
    package internal(set) var imageCount = 0
    package internal(set) var hasForm = false
    package internal(set) var hasScript = false

    /// Of all text, by bytes: 0 when all can be seen.
    package var hiddenRatio: Double {
        let all = text.utf8.count + hiddenText.utf8.count
        return all == 0 ? 0 : Double(hiddenText.utf8.count) / Double(all)
    }

    /// - Parameter maximumText: bytes of visible text after which reading stops.
    package init(html: String, maximumText: Int = 262_144) {
        var source = html
        var reader = HTMLReader(maximumText: maximumText)
        source.withUTF8 {
            reader.read(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer($0).prefix(Self.maximumInput)))
        }
        self = reader.result()
    }

    init() {}

    static func text(ofHTML html: String, maximum: Int) -> String {
        VisibleText(html: html, maximumText: maximum).text
    }
}
