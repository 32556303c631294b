import MessageGrammar

/// A structure in one line, for tests: `text/plain 12:30+5/1` is a leaf whose header begins at 12, is 30 long, and
/// whose
/// body has 5 octets in 1 line; children stand in brackets.
func describe(_ part: BodyPart) -> String {
    let own = "\(part.mediaType.text) \(part.headerOffset):\(part.headerLength)+\(part.bodyLength)/\(part.lines)"
    switch part.content {
    case .leaf: return own
    case .multipart(let children): return own + " [" + children.map(describe).joined(separator: ", ") + "]"
    case .message(let message): return own + " {" + describe(message.structure) + "}"
    }
}

/// Only the types.
func shape(_ part: BodyPart) -> String {
    switch part.content {
    case .leaf: part.mediaType.text
    case .multipart(let children): part.subtype + "[" + children.map(shape).joined(separator: ", ") + "]"
    case .message(let message): part.subtype + "{" + shape(message.structure) + "}"
    }
}

func scan(_ bytes: [UInt8], cuts: [Int] = []) -> MessageSummary {
    var scanner = MessageScanner()
    var start = 0
    for end in cuts + [bytes.count] {
        bytes[start..<end].withUnsafeBytes { scanner.feed($0) }
        start = end
    }
    return scanner.finish()
}

func scan(_ text: String) -> MessageSummary { scan(Array(text.utf8)) }

/// Lines joined and ended with CRLF.
func mail(_ lines: String...) -> String { lines.map { $0 + "\r\n" }.joined() }
