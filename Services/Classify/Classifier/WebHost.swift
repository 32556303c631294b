import MailWire

/// The host of a web address, without decoding anything: what the browser would be sent to.
enum WebHost {
    static let longest = 80

    /// Appends the lower-case host of `http://`, `https://` or `//` addresses in `source[range]`; nothing for others.
    static func append(_ source: [UInt8], _ range: Range<Int>, to output: inout [UInt8]) {
        var start = range.lowerBound
        while start < range.upperBound, source[start] <= 0x20 { start += 1 }
        guard let slashes = slashes(source, start..<range.upperBound) else { return }
        var cursor = slashes
        var end = range.upperBound
        var index = cursor
        while index < range.upperBound {
            let byte = source[index]
            // What stands before an @ is a user name, however it looks.
            if byte == UInt8(ascii: "@") { cursor = index + 1 }
            if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#") || byte <= 0x20 {
                end = index
                break
            }
            index += 1
        }
        guard cursor < end else { return }
        for byte in source[cursor..<end].prefix(longest) {
            if byte == UInt8(ascii: ":") { break }
            output.append(byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte)
        }
    }

    private static func slashes(_ source: [UInt8], _ range: Range<Int>) -> Int? {
        for prefix in ["http://", "https://", "//"] as [StaticString] {
            let length = prefix.utf8CodeUnitCount
            guard range.count > length else { continue }
            if ASCII.hasPrefixIgnoringCase(source[range], prefix) { return range.lowerBound + length }
        }
        return nil
    }

    /// The last two labels, three when the last two are both short (`example.co.uk`): near enough to compare two hosts.
    static func site(_ host: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var dots: [Int] = []
        for index in host.indices where host[index] == UInt8(ascii: ".") { dots.append(index) }
        guard dots.count >= 2 else { return host }
        let last = dots[dots.count - 1]
        let second = dots[dots.count - 2]
        let isShort = last - second - 1 <= 3 && host.endIndex - last - 1 <= 2
        if isShort { return dots.count >= 3 ? host[(dots[dots.count - 3] + 1)...] : host }
        return host[(second + 1)...]
    }

    /// `203.0.113.7` and the like.
    static func isNumeric(_ host: ArraySlice<UInt8>) -> Bool {
        !host.isEmpty
            && host.allSatisfy { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") || $0 == UInt8(ascii: ".") }
    }

    // MARK: - Kinds of hosts

    /// Services that replace an address by one that says nothing.
    static func isShortener(_ site: [UInt8]) -> Bool { shorteners.contains(site) }

    /// Space under a name of the provider's that anybody gets for nothing, by name or by subdomain.
    static func isFree(_ site: [UInt8]) -> Bool { freeHosts.contains(site) }

    /// Top-level domains that are sold for next to nothing, or given away.
    static func isCheap(_ host: ArraySlice<UInt8>) -> Bool {
        guard let dot = host.lastIndex(of: UInt8(ascii: ".")) else { return false }
        return cheapDomains.contains(Array(host[(dot + 1)...]))
    }

    private static func set(_ names: String) -> Set<[UInt8]> {
        Set(names.split(separator: " ").map { Array($0.utf8) })
    }

    private static let shorteners = set(
        "bit.ly t.co tinyurl.com goo.gl ow.ly is.gd cutt.ly rebrand.ly t.ly rb.gy shorturl.at buff.ly tiny.cc lnkd.in "
            + "s.id v.gd bl.ink qrco.de adf.ly shorte.st")
    private static let freeHosts = set(
        "blogspot.com weebly.com wixsite.com web.app firebaseapp.com github.io pages.dev workers.dev r2.dev netlify.app "
            + "herokuapp.com vercel.app glitch.me azurewebsites.net windows.net amazonaws.com googleapis.com "
            + "godaddysites.com 000webhostapp.com duckdns.org ngrok.io ngrok-free.app ipfs.io dweb.link repl.co "
            + "surge.sh wordpress.com webflow.io square.site jimdosite.com webnode.page mystrikingly.com yolasite.com "
            + "geocities.com tripod.com angelfire.com lycos.com 8m.com fortunecity.com netfirms.com altervista.org")
    private static let cheapDomains = set(
        "xyz top click icu cyou cfd sbs buzz rest live shop online site store space club fun info biz tk ml ga cf gq pw "
            + "ws cc su vip win loan work bid trade date download stream men party review science link bar monster quest"
    )
}
