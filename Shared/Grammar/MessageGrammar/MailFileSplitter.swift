import MailWire

/// Takes mails out of a file: one from a message file (Maildir, `.eml`), many from an mbox (RFC 4155).
///
/// Push parser. Lines end with CRLF in what it gives, whatever the file has, and only the beginning of each mail is kept,
/// so memory is bounded by that and by what is fed at once. In an mbox a line that begins with `From ` starts a mail when
/// it is the first one or follows an empty line, and one `>` is taken from `>From ` (mboxo and mboxrd).
package struct MailFileSplitter: Sendable {
    package enum Format: Sendable { case message, mbox }

    private enum Place { case lineStart, line, separator }

    private let format: Format
    private let limit: Int
    private var mail: [UInt8] = []
    private var isInMail: Bool
    private var place = Place.lineStart
    /// The beginning of a line that may turn out to be a separator.
    private var start: [UInt8] = []
    private var isAfterEmptyLine = true
    private var hasHeldCR = false

    private static let from = Array("From ".utf8)
    /// Longer runs of `>` are taken as text.
    private static let maximumQuotes = 32

    /// - Parameter limit: bytes of a mail that are kept.
    package init(_ format: Format, limit: Int) {
        self.format = format
        self.limit = limit
        self.isInMail = format == .message
    }

    /// How a file that begins like this is read; `nil`: it holds no mail.
    package static func format(of beginning: [UInt8]) -> Format? {
        if beginning.starts(with: from) { return .mbox }
        // RFC 5322 2.2: a field name is printable ASCII without the colon.
        let name = beginning.prefix { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
        return !name.isEmpty && beginning.dropFirst(name.count).first == UInt8(ascii: ":") ? .message : nil
    }

    /// Mails that ended in these bytes.
    package mutating func feed(_ bytes: [UInt8]) -> [[UInt8]] {
        var mails: [[UInt8]] = []
        for byte in bytes { take(byte, &mails) }
        return mails
    }

    /// The last mail.
    package mutating func finish() -> [UInt8]? {
        if place == .lineStart { keepStart() }
        if hasHeldCR { keep(UInt8.carriageReturn) }
        defer { (mail, isInMail) = ([], format == .message) }
        return isInMail && !mail.isEmpty ? mail : nil
    }

    private mutating func take(_ byte: UInt8, _ mails: inout [[UInt8]]) {
        switch place {
        case .separator:
            if byte == .lineFeed { (place, isAfterEmptyLine) = (.lineStart, false) }
        case .line:
            text(byte)
        case .lineStart:
            guard format == .mbox else { return begin(byte) }
            start.append(byte)
            let quotes = start.prefix { $0 == UInt8(ascii: ">") }.count
            let rest = start.dropFirst(quotes)
            if rest.count == Self.from.count, rest.elementsEqual(Self.from) {
                if quotes == 0, isAfterEmptyLine { return separate(&mails) }
                if quotes > 0 { start.removeFirst() }
                keepStart()
            } else if !Self.from.starts(with: rest) || quotes > Self.maximumQuotes {
                keepStart()
            }
        }
    }

    private mutating func separate(_ mails: inout [[UInt8]]) {
        if isInMail, !mail.isEmpty { mails.append(mail) }
        (mail, isInMail, start, place, hasHeldCR) = ([], true, [], .separator, false)
    }

    /// What was held is the beginning of an ordinary line.
    private mutating func keepStart() {
        let held = start
        start = []
        for byte in held {
            if place == .lineStart { begin(byte) } else { text(byte) }
        }
    }

    private mutating func begin(_ byte: UInt8) {
        isAfterEmptyLine = false
        if byte == .lineFeed || byte == .carriageReturn { isAfterEmptyLine = true }
        place = .line
        text(byte)
    }

    private mutating func text(_ byte: UInt8) {
        if byte == .lineFeed {
            keep(.carriageReturn)
            keep(.lineFeed)
            (place, hasHeldCR) = (.lineStart, false)
        } else {
            if hasHeldCR { keep(.carriageReturn) }
            hasHeldCR = byte == .carriageReturn
            if !hasHeldCR {
                if isAfterEmptyLine { isAfterEmptyLine = false }  // a CR alone was no empty line
                keep(byte)
            }
        }
    }

    private mutating func keep(_ byte: UInt8) {
        if isInMail, mail.count < limit { mail.append(byte) }
    }
}
