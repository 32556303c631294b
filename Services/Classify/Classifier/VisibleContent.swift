import MessageGrammar

/// What a person sees of all text parts of a mail, one after the other, and where its links lead.
struct VisibleContent {
    struct Link {
        /// In `hosts`; never empty.
        var host: Range<Int>
        /// UTF-8, what stands between `<a>` and `</a>`.
        var text: [UInt8]
    }

    static let maximumBytes = 64 << 10

    /// UTF-8.
    private(set) var bytes: [UInt8] = []
    /// Host names of links, one after the other, lower case.
    private(set) var hosts: [UInt8] = []
    private(set) var links: [Link] = []
    private(set) var hiddenBytes = 0
    private(set) var images = 0
    private(set) var hasForm = false
    private(set) var hasScript = false

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        hosts.removeAll(keepingCapacity: true)
        links.removeAll(keepingCapacity: true)
        (hiddenBytes, images, hasForm, hasScript) = (0, 0, false, false)
    }

    mutating func append(html: String) {
        let left = Self.maximumBytes - bytes.count
        guard left > 0 else { return }
        let content = VisibleText(html: html, maximumText: left)
        append(plain: content.text)
        hiddenBytes += content.hiddenText.utf8.count
        images += content.imageCount
        hasForm = hasForm || content.hasForm
        hasScript = hasScript || content.hasScript
        for link in content.links where !link.host.isEmpty && !link.target.hasPrefix("mailto:") {
            let start = hosts.count
            hosts.append(contentsOf: link.host.utf8.prefix(WebHost.longest))
            links.append(Link(host: start..<hosts.count, text: Array(link.text.utf8)))
        }
    }

    mutating func append(plain: String) {
        if let last = bytes.last, last > 0x20 { bytes.append(0x20) }
        var plain = plain
        let left = max(0, Self.maximumBytes - bytes.count)
        plain.withUTF8 { bytes.append(contentsOf: UnsafeBufferPointer(rebasing: $0.prefix(left))) }
    }
}
