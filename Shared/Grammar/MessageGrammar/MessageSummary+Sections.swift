/// IMAP section numbers (RFC 3501 6.4.5), resolved to byte ranges of the body.
extension MessageSummary {
    /// The part that `BODY[1.2.3]` names; the empty path is the whole mail.
    ///
    /// A part that is no multipart has itself as part 1, also inside an enclosed message.
    package func part(at path: [Int]) -> BodyPart? {
        var current = structure
        for (depth, number) in path.enumerated() {
            guard number >= 1 else { return nil }
            // Below a message part the numbers count the parts of the message in it.
            if depth > 0 {
                if let enclosed = current.enclosed {
                    current = enclosed.structure
                } else if current.children.isEmpty {
                    return nil
                }
            }
            if case .multipart(let children) = current.content {
                guard number <= children.count else { return nil }
                current = children[number - 1]
            } else if number != 1 {
                return nil
            }
        }
        return current
    }

    /// The bytes of `BODY[path]`: the part's body, or the whole mail for the empty path.
    package func contentRange(at path: [Int]) -> Range<Int>? {
        path.isEmpty ? 0..<size : part(at: path)?.bodyRange
    }

    /// The message whose HEADER and TEXT `path` names: the mail itself, or a `message/rfc822` part's message.
    package func message(at path: [Int]) -> BodyPart? {
        path.isEmpty ? structure : part(at: path)?.enclosed?.structure
    }

    /// The bytes of `BODY[path.HEADER]`, empty line included.
    package func headerRange(at path: [Int]) -> Range<Int>? { message(at: path)?.headerRange }

    /// The bytes of `BODY[path.TEXT]`.
    package func textRange(at path: [Int]) -> Range<Int>? { message(at: path)?.bodyRange }

    /// The bytes of `BODY[path.MIME]`; `path` must not be empty.
    package func mimeHeaderRange(at path: [Int]) -> Range<Int>? {
        path.isEmpty ? nil : part(at: path)?.headerRange
    }
}
