import MailWire

/// What the header block of one entity says, read in one walk over its fields.
struct EntityHeader {
    var part = BodyPart()
    var envelope: Envelope?
    var date: MailDate?
    /// The boundary parameter; `nil` when there is none.
    var boundary: [UInt8]?
    var flags: MessageSummary.Flags = []
    /// Bytes of strings that the summary keeps.
    var keptBytes = 0

    private var hasContentType = false
    private var hasEncoding = false
    private var hasSender = false
    private var hasReplyTo = false

    /// - Parameters:
    ///   - defaultType: the type of an entity that names none (`message/rfc822` in a digest, RFC 2046 5.1.5).
    ///   - isMessage: whether there is an envelope to read.
    init(_ block: UnsafeRawBufferPointer, defaultType: MediaType, isMessage: Bool) {
        part.mediaType = defaultType
        if isMessage { envelope = Envelope() }
        var walk = HeaderFieldWalk()
        while let field = walk.next(in: block) {
            guard let known = KnownField(block, field.name) else { continue }
            if known.isMIME {
                takeMIME(known, block, field.body)
            } else if isMessage {
                takeEnvelope(known, block, field.body)
            }
        }
        if walk.hasSkippedLines { flags.insert(.malformed) }
        if isMessage {
            // RFC 3501 7.4.2: absent or empty Sender and Reply-To default to From.
            let from = envelope?.from ?? []
            if envelope?.sender.isEmpty == true { envelope?.sender = from }
            if envelope?.replyTo.isEmpty == true { envelope?.replyTo = from }
        }
    }

    private mutating func takeMIME(_ known: KnownField, _ block: UnsafeRawBufferPointer, _ body: Range<Int>) {
        switch known {
        case .contentType: takeContentType(block, body)
        case .contentTransferEncoding:
            if hasEncoding { flags.insert(.ambiguous) }
            var lexer = HeaderLexer(block, body)
            if !hasEncoding, let token = MIMEFields.token(&lexer) { part.encoding = token }
            hasEncoding = true
        case .contentDisposition:
            if part.disposition == nil { part.disposition = MIMEFields.disposition(block, body) }
            keptBytes += body.count
        case .contentID: Self.keep(&part.id, &keptBytes, block, body)
        case .contentDescription: Self.keep(&part.description, &keptBytes, block, body)
        case .contentLocation: Self.keep(&part.location, &keptBytes, block, body)
        case .contentMD5: Self.keep(&part.md5, &keptBytes, block, body)
        case .contentLanguage: takeLanguage(block, body)
        default: break
        }
    }

    private mutating func takeContentType(_ block: UnsafeRawBufferPointer, _ body: Range<Int>) {
        guard !hasContentType else {
            flags.insert(.ambiguous)
            return
        }
        hasContentType = true
        keptBytes += body.count
        guard let field = MIMEFields.contentType(block, body) else {
            part.mediaType = .plainText
            return
        }
        part.mediaType = field.mediaType
        part.parameters = field.parameters
        guard field.mediaType.isMultipart else { return }
        boundary = field.parameters.raw("boundary")
        if field.parameters.count("boundary") != 1 || boundary?.isEmpty != false { flags.insert(.ambiguous) }
    }

    /// RFC 3282: a comma-separated list of tags.
    private mutating func takeLanguage(_ block: UnsafeRawBufferPointer, _ body: Range<Int>) {
        guard part.language.isEmpty else { return }
        var lexer = HeaderLexer(block, body)
        while part.language.count < MessageLimits.parameters, !lexer.isAtEnd {
            lexer.skipCFWS()
            let tag = lexer.take { $0.isFoldingWhiteSpace || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "(") }
            if !tag.isEmpty {
                var language: [UInt8] = []
                lexer.append(tag, to: &language)
                part.language.append(language)
            }
            lexer.skipCFWS()
            _ = lexer.skip(UInt8(ascii: ","))
        }
        keptBytes += body.count
    }

    private mutating func takeEnvelope(_ known: KnownField, _ block: UnsafeRawBufferPointer, _ body: Range<Int>) {
        guard var envelope else { return }
        self.envelope = nil
        switch known {
        case .date:
            if envelope.date == nil { date = MailDate.parse(block, body) }
            Self.keep(&envelope.date, &keptBytes, block, body)
        case .subject: Self.keep(&envelope.subject, &keptBytes, block, body)
        case .messageID: Self.keep(&envelope.messageID, &keptBytes, block, body)
        case .inReplyTo: Self.keep(&envelope.inReplyTo, &keptBytes, block, body)
        case .from: if envelope.from.isEmpty { Self.addresses(&envelope.from, &keptBytes, block, body) }
        case .sender: if envelope.sender.isEmpty { Self.addresses(&envelope.sender, &keptBytes, block, body) }
        case .replyTo: if envelope.replyTo.isEmpty { Self.addresses(&envelope.replyTo, &keptBytes, block, body) }
        // RFC 5322 4.5.3: obsolete mail may repeat the destination fields.
        case .to: Self.addresses(&envelope.to, &keptBytes, block, body)
        case .cc: Self.addresses(&envelope.cc, &keptBytes, block, body)
        case .bcc: Self.addresses(&envelope.bcc, &keptBytes, block, body)
        default: break
        }
        self.envelope = envelope
    }

    private static func addresses(
        _ list: inout [MailAddress], _ keptBytes: inout Int, _ block: UnsafeRawBufferPointer, _ body: Range<Int>
    ) {
        let room = MessageLimits.addresses - list.count
        guard room > 0 else { return }
        list.append(contentsOf: AddressList.parse(block, body, maximum: room))
        keptBytes += body.count
    }

    /// The first field of a name counts.
    private static func keep(
        _ value: inout [UInt8]?, _ keptBytes: inout Int, _ block: UnsafeRawBufferPointer, _ body: Range<Int>
    ) {
        guard value == nil else { return }
        let bytes = ASCII.unfolded(block, body)
        keptBytes += bytes.count
        value = bytes
    }
}

/// The fields that the summary is made of.
enum KnownField {
    case date, subject, messageID, inReplyTo, from, sender, replyTo, to, cc, bcc
    case contentType, contentTransferEncoding, contentDisposition, contentID, contentDescription, contentLocation
    case contentMD5, contentLanguage

    var isMIME: Bool {
        switch self {
        case .date, .subject, .messageID, .inReplyTo, .from, .sender, .replyTo, .to, .cc, .bcc: false
        case .contentType, .contentTransferEncoding, .contentDisposition, .contentID, .contentDescription,
            .contentLocation, .contentMD5, .contentLanguage:
            true
        }
    }

    init?(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) {
        let name = UnsafeRawBufferPointer(rebasing: bytes[range])
        func matches(_ constant: StaticString) -> Bool { ASCII.equalsIgnoringCase(name, constant) }
        let found: KnownField?
        switch name.count {
        case 2: found = matches("to") ? .to : matches("cc") ? .cc : nil
        case 3: found = matches("bcc") ? .bcc : nil
        case 4: found = matches("from") ? .from : matches("date") ? .date : nil
        case 6: found = matches("sender") ? .sender : nil
        case 7: found = matches("subject") ? .subject : nil
        case 8: found = matches("reply-to") ? .replyTo : nil
        case 10: found = matches("message-id") ? .messageID : matches("content-id") ? .contentID : nil
        case 11: found = matches("in-reply-to") ? .inReplyTo : matches("content-md5") ? .contentMD5 : nil
        case 12: found = matches("content-type") ? .contentType : nil
        case 16:
            found =
                matches("content-language")
                ? .contentLanguage
                : matches("content-location") ? .contentLocation : nil
        case 19:
            found =
                matches("content-disposition")
                ? .contentDisposition
                : matches("content-description") ? .contentDescription : nil
        case 25: found = matches("content-transfer-encoding") ? .contentTransferEncoding : nil
        default: found = nil
        }
        guard let found else { return nil }
        self = found
    }
}
