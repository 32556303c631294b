import MailWire

/// Where a link leads, read as browsers read it (WHATWG URL 4.4): white space and controls are dropped, backslashes are
/// slashes, what stands before the last `@` is no host.
package enum LinkTarget {
    /// Lowercase host of an http, https, ftp or mailto link, without port; empty for anything else.
    package static func host(_ target: [UInt8]) -> String {
        let cleaned = target.filter { $0 > 0x20 && $0 != 0x7F }.map {
            $0 == UInt8(ascii: "\\") ? UInt8(ascii: "/") : $0
        }
        var rest = cleaned[...]
        if let colon = rest.firstIndex(of: UInt8(ascii: ":")), isScheme(rest[..<colon]) {
            let scheme = String(decoding: ASCII.lowercased(rest[..<colon]), as: UTF8.self)
            rest = rest[(colon + 1)...]
            switch scheme {
            case "mailto": return mailHost(rest)
            case "http", "https", "ftp": break
            default: return ""
            }
        } else if !rest.starts(with: "//".utf8) {
            return ""
        }
        rest = rest.drop { $0 == UInt8(ascii: "/") }
        return authorityHost(
            rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") })
    }

    private static func isScheme(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.first?.isASCIILetter == true
            && bytes.allSatisfy { $0.isASCIIAlphanumeric || $0 == 0x2B || $0 == 0x2D || $0 == 0x2E }
    }

    private static func authorityHost(_ authority: ArraySlice<UInt8>) -> String {
        var host = authority
        if let at = host.lastIndex(of: UInt8(ascii: "@")) { host = host[(at + 1)...] }
        if host.first == UInt8(ascii: "["), let close = host.firstIndex(of: UInt8(ascii: "]")) {
            host = host[...close]
        } else if let colon = host.firstIndex(of: UInt8(ascii: ":")) {
            host = host[..<colon]
        }
        while host.last == UInt8(ascii: ".") { host.removeLast() }
        return String(decoding: ASCII.lowercased(host.prefix(255)), as: UTF8.self)
    }

    private static func mailHost(_ rest: ArraySlice<UInt8>) -> String {
        let address = rest.prefix { $0 != UInt8(ascii: "?") }
        guard let at = address.lastIndex(of: UInt8(ascii: "@")) else { return "" }
        return authorityHost(address[(at + 1)...])
    }

    /// The http and https links that stand in plain text, at most `maximum`.
    package static func links(inPlainText text: String, maximum: Int = VisibleText.maximumLinks) -> [VisibleText.Link] {
        var source = text
        return source.withUTF8 { buffer in
            let bytes = UnsafeRawBufferPointer(buffer)
            var links: [VisibleText.Link] = []
            var position = 0
            while links.count < maximum, let mark = ASCII.firstIndexIgnoringCase(of: "://", in: bytes, from: position) {
                position = mark + 3
                guard let start = schemeStart(bytes, before: mark) else { continue }
                while position < bytes.count, position - start < VisibleText.maximumTarget, isURLByte(bytes[position]) {
                    position += 1
                }
                let target = Array(bytes[start..<position])
                links.append(
                    VisibleText.Link(
                        target: String(decoding: target, as: UTF8.self), host: host(target), text: "", isHidden: false))
            }
            return links
        }
    }

    /// Where the `http` or `https` that ends at `mark` begins.
    private static func schemeStart(_ bytes: UnsafeRawBufferPointer, before mark: Int) -> Int? {
        let schemes: [StaticString] = ["https", "http"]
        for scheme in schemes where mark >= scheme.utf8CodeUnitCount {
            let start = mark - scheme.utf8CodeUnitCount
            if ASCII.equalsIgnoringCase(UnsafeRawBufferPointer(rebasing: bytes[start..<mark]), scheme) { return start }
        }
        return nil
    }

    private static func isURLByte(_ byte: UInt8) -> Bool {
        guard byte > 0x20, byte != 0x7F else { return false }
        return ![UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "\"")].contains(byte)
    }
}
