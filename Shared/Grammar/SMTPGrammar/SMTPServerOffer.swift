import MailWire

/// What a server offers in its answer to EHLO (RFC 5321 4.1.1.1), as far as we use it.
package struct SMTPServerOffer: Sendable, Hashable {
    /// What the server calls itself, lower case; empty when its greeting has no name.
    package var name = ""
    /// RFC 2920
    package var pipelining = false
    /// RFC 6152
    package var eightBitMIME = false
    /// RFC 3207
    package var startTLS = false
    /// RFC 1870: the largest mail; `nil` when it names none.
    package var maximumSize: Int?
    /// RFC 1870: MAIL takes SIZE=.
    package var size = false
    /// RFC 2034
    package var enhancedStatusCodes = false

    /// Nothing is offered by a server that knows only HELO.
    package init() {}

    package init(_ reply: SMTPRemoteReply) {
        if let first = reply.lines.first {
            let word = first.prefix { $0 != .space }
            name = String(decoding: ASCII.lowercased(word), as: UTF8.self)
        }
        for line in reply.lines.dropFirst() { take(line) }
    }

    private mutating func take(_ line: [UInt8]) {
        let words = line.split(separator: .space)
        guard let keyword = words.first else { return }
        if ASCII.equalsIgnoringCase(keyword, "PIPELINING") {
            pipelining = true
        } else if ASCII.equalsIgnoringCase(keyword, "8BITMIME") {
            eightBitMIME = true
        } else if ASCII.equalsIgnoringCase(keyword, "STARTTLS") {
            startTLS = true
        } else if ASCII.equalsIgnoringCase(keyword, "ENHANCEDSTATUSCODES") {
            enhancedStatusCodes = true
        } else if ASCII.equalsIgnoringCase(keyword, "SIZE") {
            size = true
            // 0 is "no fixed maximum" (RFC 1870 4); a number beyond reason is one too.
            maximumSize = words.dropFirst().first.flatMap { Decimal.parseInt($0) }.flatMap { $0 > 0 ? $0 : nil }
        }
    }
}
