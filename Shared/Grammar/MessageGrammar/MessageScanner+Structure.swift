import MailWire

/// Building the tree: what happens at the end of a header, at a delimiter and at the end of an entity.
extension MessageScanner {
    /// The header of the innermost frame ended at `end`, which `lineEnds` line ends come before.
    mutating func headerEnded(at end: Int, lineEnds: Int) {
        guard var frame = frames.popLast() else { return }
        let parsed = header.withUnsafeBytes {
            EntityHeader($0, defaultType: frame.defaultType, isMessage: frame.isMessage)
        }
        header.removeAll(keepingCapacity: true)
        flags.formUnion(parsed.flags)
        adopt(parsed, into: &frame)
        frame.part.headerLength = end - frame.part.headerOffset
        frame.lineEndsBefore = lineEnds
        mode = .skip
        base64Check = nil
        preview.stop()
        let canNest = frames.count + 1 < MessageLimits.structureDepth && partCount < MessageLimits.parts
        if frame.part.mediaType.isMultipart {
            openMultipart(&frame, boundary: parsed.boundary, canNest: canNest)
        } else if frame.part.mediaType.isMessage {
            openMessage(&frame, canNest: canNest)
        } else {
            openLeaf(&frame)
        }
        frames.append(frame)
        if case .message = frame.kind {
            partCount += 1
            frames.append(EntityFrame(headerOffset: end, isMessage: true, defaultType: .plainText))
            mode = .header
        }
    }

    /// Copies what the header said, without its strings once the mail has used up its share.
    private mutating func adopt(_ parsed: EntityHeader, into frame: inout EntityFrame) {
        let headerOffset = frame.part.headerOffset
        keptBytes += parsed.keptBytes
        frame.part = parsed.part
        frame.envelope = parsed.envelope
        frame.date = parsed.date
        frame.part.headerOffset = headerOffset
        guard keptBytes > MessageLimits.totalHeaderBytes else { return }
        flags.insert(.truncated)
        frame.part = BodyPart()
        frame.part.mediaType = parsed.part.mediaType
        frame.part.encoding = parsed.part.encoding
        frame.part.headerOffset = headerOffset
        if frame.isMessage { frame.envelope = Envelope() }
    }

    private mutating func openMultipart(_ frame: inout EntityFrame, boundary: [UInt8]?, canNest: Bool) {
        frame.kind = .multipart
        guard canNest else {
            flags.insert(.truncated)
            frame.part.mediaType = .octetStream
            frame.part.parameters = []
            openLeaf(&frame)
            return
        }
        // RFC 2046 5.1.1: a boundary never ends with white space.
        var boundary = boundary ?? []
        while let last = boundary.last, last.isWSP { boundary.removeLast() }
        if !boundary.isEmpty, boundary.count <= MessageLimits.boundary {
            delimiters.push(boundary, frame: frames.count)
        }
    }

    private mutating func openMessage(_ frame: inout EntityFrame, canNest: Bool) {
        frame.kind = .message
        guard canNest else {
            flags.insert(.truncated)
            frame.part.mediaType = .octetStream
            openLeaf(&frame)
            return
        }
    }

    private mutating func openLeaf(_ frame: inout EntityFrame) {
        frame.kind = .leaf
        mode = .body
        preview.begin(frame.part)
        if frame.part.encoding == "base64" { base64Check = Base64Check() }
        if frame.part.looksAttached { flags.insert(.hasAttachment) }
    }

    /// A delimiter line begins at `lineStart` and ends at `lineEnd`.
    mutating func delimiter(_ match: Delimiters.Match, lineEnd: Int) {
        guard match.frame < frames.count else { return }
        if !match.isClose, partCount >= MessageLimits.parts {
            // The last part that fits swallows the rest.
            flags.insert(.truncated)
            return
        }
        if !match.isClose, dropEmptyPart(of: match.frame, lineEnd: lineEnd) { return }
        while frames.count - 1 > match.frame { closeInnermost(at: lineStart, lineEnds: lineEnds, atDelimiter: true) }
        base64Check = nil
        if match.isClose {
            frames[match.frame].isClosed = true
            delimiters.pop(from: match.frame)
            mode = .skip
        } else {
            partCount += 1
            let isDigest = frames[match.frame].part.mediaType.subtype == "digest"
            frames.append(
                EntityFrame(
                    headerOffset: lineEnd, isMessage: false, defaultType: isDigest ? .enclosedMessage : .plainText))
            header.removeAll(keepingCapacity: true)
            mode = .header
        }
    }

    /// Two delimiters in a row are one (many senders double them): the part between them begins anew.
    private mutating func dropEmptyPart(of multipart: Int, lineEnd: Int) -> Bool {
        guard frames.count - 2 == multipart, let last = frames.last, last.kind == .header, !last.isMessage,
            last.part.headerOffset == lineStart
        else { return false }
        frames[multipart + 1].part.headerOffset = lineEnd
        return true
    }

    /// Ends the innermost entity before a delimiter or at the end of the mail.
    mutating func closeInnermost(at end: Int, lineEnds: Int, atDelimiter: Bool = false) {
        guard let last = frames.last else { return }
        if case .header = last.kind {
            // The header has no empty line: everything is header, the body is empty.
            if end > last.part.headerOffset { flags.insert(.malformed) }
            headerEnded(
                at: max(atDelimiter ? end - previousEnding : end, last.part.headerOffset), lineEnds: lineEnds)
            if frames.last?.kind == .header { closeInnermost(at: end, lineEnds: lineEnds, atDelimiter: atDelimiter) }
        }
        guard var frame = frames.popLast() else { return }
        delimiters.pop(from: frames.count)
        // The line end before a delimiter belongs to the delimiter, unless it is the empty line of a header inside.
        let bodyEnd = max(frame.innerEnd, atDelimiter ? end - previousEnding : end)
        let endings = lineEnds - frame.lineEndsBefore - (bodyEnd < end ? 1 : 0)
        frame.part.bodyLength = bodyEnd - frame.part.bodyOffset
        frame.part.lines = max(0, endings)
        if base64Check?.isAmbiguous == true { flags.insert(.ambiguous) }
        base64Check = nil
        preview.end()
        setContent(&frame)
        hand(frame)
    }

    private mutating func setContent(_ frame: inout EntityFrame) {
        switch frame.kind {
        case .leaf, .header: frame.part.content = .leaf
        case .multipart:
            if !frame.isClosed { flags.insert(.malformed) }
            if frame.children.isEmpty {
                flags.insert(.malformed)
                frame.part.mediaType = .plainText
                frame.part.parameters = []
            } else {
                frame.part.content = .multipart(frame.children)
            }
        case .message:
            frame.part.content = frame.enclosed.map(BodyPart.Content.message) ?? .leaf
        }
    }

    /// Gives a finished entity to the frame that holds it.
    private mutating func hand(_ frame: EntityFrame) {
        guard !frames.isEmpty else {
            setRoot(frame.part, frame.envelope ?? Envelope(), frame.date)
            return
        }
        let parent = frames.count - 1
        if frame.isMessage {
            frames[parent].enclosed = EnclosedMessage(
                envelope: frame.envelope ?? Envelope(), structure: frame.part)
        } else {
            frames[parent].children.append(frame.part)
        }
    }
}

extension BodyPart {
    /// A person would call it an attachment: it says so, or it has a file name and is no text shown inline.
    package var looksAttached: Bool {
        if disposition?.type == "attachment" { return true }
        guard disposition?.type != "inline", !mediaType.isMultipart else { return false }
        return fileName != nil
    }

    /// The file name, decoded: Content-Disposition's, else Content-Type's `name`.
    package var fileName: String? {
        disposition?.parameters.text("filename") ?? parameters.text("name")
    }
}
