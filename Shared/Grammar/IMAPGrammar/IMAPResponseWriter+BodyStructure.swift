package import MessageGrammar

/// BODY and BODYSTRUCTURE (RFC 3501 7.4.2). Recursion is bounded by `IMAPLimits.structureDepth`.
extension IMAPResponseWriter {
    /// `BODYSTRUCTURE`, with extension data.
    package mutating func fetchBodyStructure(_ structure: BodyPart) {
        item("BODYSTRUCTURE ")
        content { $0.body(structure, extensible: true) }
    }

    /// `BODY`: the same without extension data.
    package mutating func fetchBody(_ structure: BodyPart) {
        item("BODY ")
        content { $0.body(structure, extensible: false) }
    }

    package mutating func body(_ part: BodyPart, extensible: Bool) { body(part, extensible, depth: 0) }

    private mutating func body(_ part: BodyPart, _ extensible: Bool, depth: Int) {
        byte(UInt8(ascii: "("))
        let children = part.children
        if !children.isEmpty, depth < IMAPLimits.structureDepth {
            for child in children { body(child, extensible, depth: depth + 1) }
            space()
            string(part.subtype.uppercasedASCII)
            if extensible {
                space()
                parameters(part.parameters)
                dispositionAndAfter(part)
            }
        } else if children.isEmpty {
            single(part, extensible, depth: depth)
        } else {
            tooDeep(part)
        }
        byte(UInt8(ascii: ")"))
    }

    private mutating func single(_ part: BodyPart, _ extensible: Bool, depth: Int) {
        let enclosed = depth < IMAPLimits.structureDepth ? part.enclosed : nil
        // A message/rfc822 body must be followed by envelope and structure; without them it is shown as octets.
        if part.mediaType.isMessage, enclosed == nil {
            tooDeep(part)
            return
        }
        string(part.type.uppercasedASCII)
        space()
        string(part.subtype.uppercasedASCII)
        space()
        fields(part)
        if let enclosed {
            space()
            envelope(enclosed.envelope)
            space()
            body(enclosed.structure, extensible, depth: depth + 1)
        }
        if enclosed != nil || part.mediaType.isText {
            space()
            number(part.lines)
        }
        if extensible {
            space()
            nstring(part.md5)
            dispositionAndAfter(part)
        }
    }

    /// A part whose inside is not shown.
    private mutating func tooDeep(_ part: BodyPart) {
        word("\"APPLICATION\" \"OCTET-STREAM\" NIL NIL NIL \"7BIT\" ")
        number(part.bodyLength)
    }

    /// `body-fields`: parameters, id, description, encoding, octets.
    private mutating func fields(_ part: BodyPart) {
        parameters(part.parameters)
        space()
        nstring(part.id)
        space()
        nstring(part.description)
        space()
        string(part.encoding.uppercasedASCII)
        space()
        number(part.bodyLength)
    }

    private mutating func parameters(_ parameters: [MIMEParameter]) {
        guard !parameters.isEmpty else {
            nilValue()
            return
        }
        list(parameters) { writer, parameter in
            writer.string(parameter.name.map(IMAPCharacter.upper))
            writer.space()
            writer.string(parameter.value)
        }
    }

    /// ` disposition language location`
    private mutating func dispositionAndAfter(_ part: BodyPart) {
        space()
        if let disposition = part.disposition {
            byte(UInt8(ascii: "("))
            string(disposition.type.uppercasedASCII)
            space()
            parameters(disposition.parameters)
            byte(UInt8(ascii: ")"))
        } else {
            nilValue()
        }
        space()
        switch part.language.count {
        case 0: nilValue()
        case 1: string(part.language[0])
        default: list(part.language) { $0.string($1) }
        }
        space()
        nstring(part.location)
    }
}

extension String {
    /// MIME tokens are compared without case; capitals are what every server sends.
    fileprivate var uppercasedASCII: [UInt8] { utf8.map(IMAPCharacter.upper) }
}
