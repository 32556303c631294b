import Glibc
import MailCore
import MailWire

/// Reads a mail once, while it arrives, and derives its `MessageSummary`. Takes any cuts, keeps header blocks and a
/// little text but no bodies, never fails: odd mail gives the best summary there is.
///
/// Lines end at LF; a CR before it belongs to the line end. (Mail from SMTP has CRLF only; IMAP APPEND may bring
/// others.)
package struct MessageScanner: Sendable {
    enum Mode { case header, body, skip }

    var frames: [EntityFrame] = []
    var delimiters = Delimiters()
    var mode = Mode.header
    var flags: MessageSummary.Flags = []
    var partCount = 0
    /// The header block being read.
    var header: [UInt8] = []
    var keptBytes = 0
    var preview = PreviewCapture()
    var base64Check: Base64Check?

    /// Of the next byte to read.
    private var offset = 0
    /// Of the line being read.
    var lineStart = 0
    var lineEnds = 0
    /// Length of the line end before `lineStart`; it belongs to a delimiter that follows (RFC 2046 5.1.1).
    var previousEnding = 0
    /// The beginning of a line that may still turn out to be empty or a delimiter.
    private var held: [UInt8] = []
    /// The beginning of the line has been handed on already: it is neither.
    private var isInLine = false
    private var endsInCarriageReturn = false
    /// Where the line being read begins in `header`.
    private var headerLine = 0
    /// The mail's header has a field that a mail server on the way would not have added.
    private var hasOwnField = false
    private var root: (part: BodyPart, envelope: Envelope, date: MailDate?)?

    package init() {
        frames.reserveCapacity(4)
        header.reserveCapacity(4_096)
        frames.append(EntityFrame(headerOffset: 0, isMessage: true, defaultType: .plainText))
        partCount = 1
    }

    package mutating func feed(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
        noteByteClasses(bytes, base)
        var position = 0
        while position < bytes.count {
            let found = memchr(base + position, Int32(UInt8.lineFeed), bytes.count - position)
            let end = found.map { UnsafeRawPointer($0) - base + 1 } ?? bytes.count
            let fragment = UnsafeRawBufferPointer(start: base + position, count: end - position)
            if found == nil { partialLine(fragment) } else { completeLine(fragment) }
            position = end
        }
    }

    package mutating func feed(_ bytes: [UInt8]) { bytes.withUnsafeBytes { feed($0) } }

    /// Everything at once.
    package static func scan(_ bytes: UnsafeRawBufferPointer) -> MessageSummary {
        var scanner = MessageScanner()
        scanner.feed(bytes)
        return scanner.finish()
    }

    package static func scan(_ bytes: [UInt8]) -> MessageSummary { bytes.withUnsafeBytes { scan($0) } }

    private mutating func noteByteClasses(_ bytes: UnsafeRawBufferPointer, _ base: UnsafeRawPointer) {
        if !flags.contains(.has8Bit) {
            var all: UInt8 = 0
            for byte in bytes { all |= byte }
            if all >= 0x80 { flags.insert(.has8Bit) }
        }
        if !flags.contains(.hasNUL), memchr(base, 0, bytes.count) != nil { flags.insert(.hasNUL) }
    }

    // MARK: Lines

    /// The input ends within a line.
    private mutating func partialLine(_ fragment: UnsafeRawBufferPointer) {
        offset += fragment.count
        if isInLine {
            content(fragment)
        } else {
            held.append(contentsOf: fragment)
            if !couldBeSpecial(held) { releaseHeld() }
        }
    }

    /// Whether a line that begins so may be empty or a delimiter.
    private func couldBeSpecial(_ start: [UInt8]) -> Bool {
        if start.count < 2 { return start.first == .carriageReturn || start.first == UInt8(ascii: "-") }
        return start[0] == UInt8(ascii: "-") && start[1] == UInt8(ascii: "-")
            && (mode == .header || !delimiters.isEmpty) && start.count <= MessageLimits.delimiterLine + 2
    }

    private mutating func releaseHeld() {
        let bytes = held
        held.removeAll(keepingCapacity: true)
        isInLine = true
        bytes.withUnsafeBytes { content($0) }
    }

    /// `fragment` ends with LF.
    private mutating func completeLine(_ fragment: UnsafeRawBufferPointer) {
        offset += fragment.count
        if isInLine {
            let hasCarriageReturn =
                fragment.count > 1 ? fragment[fragment.count - 2] == .carriageReturn : endsInCarriageReturn
            content(fragment)
            if mode == .header { endOddHeader() }
            endLine(hasCarriageReturn ? 2 : 1)
        } else if held.isEmpty {
            wholeLine(fragment)
        } else {
            held.append(contentsOf: fragment)
            let line = held
            held.removeAll(keepingCapacity: true)
            line.withUnsafeBytes { wholeLine($0) }
        }
    }

    private mutating func wholeLine(_ line: UnsafeRawBufferPointer) {
        let ending = line.count > 1 && line[line.count - 2] == .carriageReturn ? 2 : 1
        let text = UnsafeRawBufferPointer(rebasing: line[..<(line.count - ending)])
        if mode == .header {
            headerLine(line, text, ending)
        } else if !delimiters.isEmpty, line[0] == UInt8(ascii: "-"), let match = delimiters.match(text) {
            delimiter(match, lineEnd: offset)
        } else {
            content(line)
        }
        endLine(ending)
    }

    private mutating func headerLine(_ line: UnsafeRawBufferPointer, _ text: UnsafeRawBufferPointer, _ ending: Int) {
        if let match = delimiters.match(text) {
            delimiter(match, lineEnd: offset)
        } else if text.isEmpty {
            // The empty line belongs to the header but is not kept.
            headerEnded(at: offset, lineEnds: lineEnds + 1)
        } else if isDelimiterLike(text) {
            // The empty line is missing, or has a space in it: readers see the body begin here.
            flags.insert(.malformed)
            headerEnded(at: lineStart, lineEnds: lineEnds)
            if let match = delimiters.match(text) { delimiter(match, lineEnd: offset) } else { content(line) }
        } else {
            content(line)
            endOddHeader()
        }
    }

    /// No field's name begins so.
    private func isDelimiterLike(_ text: UnsafeRawBufferPointer) -> Bool {
        text.count >= 2 && text[0] == UInt8(ascii: "-") && text[1] == UInt8(ascii: "-")
            && text.count <= MessageLimits.delimiterLine && HeaderFieldWalk.fieldName(text, 0..<text.count) == nil
    }

    /// Ends the mail's header before the line just read if that line is no field and only trace fields came before it:
    /// somebody sent text without a header, and it is text, not a header, that they want read.
    private mutating func endOddHeader() {
        guard frames.count == 1, !hasOwnField else { return }
        let start = headerLine
        headerLine = header.count
        switch OddHeader.judge(header, start) {
        case .traceField: return
        case .ownField: hasOwnField = true
        case .noField:
            let text = Array(header[start...])
            header.removeLast(text.count)
            flags.insert(.malformed)
            headerEnded(at: lineStart, lineEnds: lineEnds)
            text.withUnsafeBytes { content($0) }
        }
    }

    private mutating func endLine(_ ending: Int) {
        if ending == 1 { flags.insert(.hasBareLineFeed) }
        lineEnds += 1
        previousEnding = ending
        lineStart = offset
        isInLine = false
    }

    private mutating func content(_ bytes: UnsafeRawBufferPointer) {
        if let last = bytes.last { endsInCarriageReturn = last == .carriageReturn }
        switch mode {
        case .header:
            let room = MessageLimits.headerBytes - header.count
            if room < bytes.count { flags.insert(.truncated) }
            header.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[..<min(room, bytes.count)]))
        case .body:
            if preview.isCapturing { preview.take(bytes) }
            base64Check?.take(bytes)
        case .skip: break
        }
    }

    // MARK: End

    package mutating func finish() -> MessageSummary {
        if !held.isEmpty {
            let line = held
            held.removeAll()
            line.withUnsafeBytes { bytes in
                let ending = bytes.last == .carriageReturn ? 1 : 0
                let text = UnsafeRawBufferPointer(rebasing: bytes[..<(bytes.count - ending)])
                if let match = delimiters.match(text) {
                    delimiter(match, lineEnd: offset)
                } else {
                    content(bytes)
                }
            }
        }
        if mode == .header, frames.count == 1 { endUnendedHeader() }
        while !frames.isEmpty { closeInnermost(at: offset, lineEnds: lineEnds) }
        var summary = MessageSummary()
        if let root {
            summary.structure = root.part
            summary.envelope = root.envelope
            summary.sentDate = root.date?.timestamp
            summary.sentZoneMinutes = root.date?.zoneMinutes ?? 0
        }
        summary.flags = flags
        summary.size = offset
        summary.lines = lineEnds
        summary.preview = preview.text
        return summary
    }

    /// The mail ended within its header. If a line of it is no field, the text begins there.
    private mutating func endUnendedHeader() {
        guard !flags.contains(.truncated), let start = OddHeader.firstLineWithoutField(header) else { return }
        let text = Array(header[start...])
        header.removeLast(text.count)
        flags.insert(.malformed)
        headerEnded(at: start, lineEnds: header.count { $0 == .lineFeed })
        text.withUnsafeBytes { content($0) }
    }

    mutating func setRoot(_ part: BodyPart, _ envelope: Envelope, _ date: MailDate?) {
        root = (part, envelope, date)
    }
}
