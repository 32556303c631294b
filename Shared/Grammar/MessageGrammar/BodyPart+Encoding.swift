extension BodyPart {
    /// Common values are stored as their index; the order never changes, new ones go to the end.
    private static let mediaTypes: [MediaType] = [
        .plainText, MediaType("text", "html"), MediaType("multipart", "alternative"), MediaType("multipart", "mixed"),
        MediaType("multipart", "related"), MediaType("multipart", "signed"), MediaType("multipart", "report"),
        .octetStream, .enclosedMessage, MediaType("application", "pdf"), MediaType("image", "png"),
        MediaType("image", "jpeg"), MediaType("image", "gif"), MediaType("text", "calendar"),
        MediaType("message", "delivery-status"),
    ]
    private static let encodings = ["7bit", "8bit", "quoted-printable", "base64", "binary"]

    private struct Fields: OptionSet {
        let rawValue: UInt8
        static let id = Fields(rawValue: 1)
        static let description = Fields(rawValue: 2)
        static let disposition = Fields(rawValue: 4)
        static let language = Fields(rawValue: 8)
        static let location = Fields(rawValue: 16)
        static let md5 = Fields(rawValue: 32)
    }

    private enum ContentTag { static let leaf: UInt8 = 0, multipart: UInt8 = 1, message: UInt8 = 2 }

    // Recursion is safe here: the scanner and the reader both end at MessageLimits.structureDepth.
    func write(to writer: inout SummaryWriter) {
        let typeIndex = Self.mediaTypes.firstIndex(of: mediaType)
        writer.count(typeIndex.map { $0 + 1 } ?? 0)
        if typeIndex == nil {
            writer.text(mediaType.type)
            writer.text(mediaType.subtype)
        }
        let encodingIndex = Self.encodings.firstIndex(of: encoding)
        writer.count(encodingIndex.map { $0 + 1 } ?? 0)
        if encodingIndex == nil { writer.text(encoding) }
        Self.write(parameters, to: &writer)
        writeFields(to: &writer)
        for value in [headerOffset, headerLength, bodyLength, lines] { writer.count(value) }
        switch content {
        case .leaf: writer.byte(ContentTag.leaf)
        case .multipart(let children):
            writer.byte(ContentTag.multipart)
            writer.count(children.count)
            for child in children { child.write(to: &writer) }
        case .message(let message):
            writer.byte(ContentTag.message)
            message.envelope.write(to: &writer)
            message.structure.write(to: &writer)
        }
    }

    private func writeFields(to writer: inout SummaryWriter) {
        var fields: Fields = []
        if id != nil { fields.insert(.id) }
        if description != nil { fields.insert(.description) }
        if disposition != nil { fields.insert(.disposition) }
        if !language.isEmpty { fields.insert(.language) }
        if location != nil { fields.insert(.location) }
        if md5 != nil { fields.insert(.md5) }
        writer.byte(fields.rawValue)
        if let id { writer.data(id) }
        if let description { writer.data(description) }
        if let disposition {
            writer.text(disposition.type)
            Self.write(disposition.parameters, to: &writer)
        }
        if !language.isEmpty {
            writer.count(language.count)
            for tag in language { writer.data(tag) }
        }
        if let location { writer.data(location) }
        if let md5 { writer.data(md5) }
    }

    init(from reader: inout SummaryReader, depth: Int, parts: inout Int) throws(SummaryDecodingError) {
        parts += 1
        guard depth <= MessageLimits.structureDepth, parts <= MessageLimits.parts + 1 else { throw .corrupt }
        mediaType = try Self.mediaType(from: &reader)
        let encodingIndex = try reader.count()
        if encodingIndex == 0 {
            encoding = try reader.text()
        } else {
            guard encodingIndex <= Self.encodings.count else { throw .corrupt }
            encoding = Self.encodings[encodingIndex - 1]
        }
        parameters = try Self.parameters(from: &reader)
        try readFields(from: &reader)
        headerOffset = try reader.count()
        headerLength = try reader.count()
        bodyLength = try reader.count()
        lines = try reader.count()
        switch try reader.byte() {
        case ContentTag.leaf: content = .leaf
        case ContentTag.multipart:
            let count = try reader.elements()
            guard count > 0 else { throw .corrupt }
            var children: [BodyPart] = []
            for _ in 0..<count {
                children.append(try BodyPart(from: &reader, depth: depth + 1, parts: &parts))
            }
            content = .multipart(children)
        case ContentTag.message:
            let envelope = try Envelope(from: &reader)
            let structure = try BodyPart(from: &reader, depth: depth + 1, parts: &parts)
            content = .message(EnclosedMessage(envelope: envelope, structure: structure))
        default: throw .corrupt
        }
    }

    private static func mediaType(from reader: inout SummaryReader) throws(SummaryDecodingError) -> MediaType {
        let index = try reader.count()
        if index == 0 { return MediaType(try reader.text(), try reader.text()) }
        guard index <= mediaTypes.count else { throw .corrupt }
        return mediaTypes[index - 1]
    }

    private mutating func readFields(from reader: inout SummaryReader) throws(SummaryDecodingError) {
        let fields = Fields(rawValue: try reader.byte())
        if fields.contains(.id) { id = try reader.data() }
        if fields.contains(.description) { description = try reader.data() }
        if fields.contains(.disposition) {
            let type = try reader.text()
            disposition = ContentDisposition(type: type, parameters: try Self.parameters(from: &reader))
        }
        if fields.contains(.language) {
            for _ in 0..<(try reader.elements()) { language.append(try reader.data()) }
        }
        if fields.contains(.location) { location = try reader.data() }
        if fields.contains(.md5) { md5 = try reader.data() }
    }

    private static func write(_ parameters: [MIMEParameter], to writer: inout SummaryWriter) {
        writer.count(parameters.count)
        for parameter in parameters {
            writer.data(parameter.name)
            writer.data(parameter.value)
        }
    }

    private static func parameters(from reader: inout SummaryReader) throws(SummaryDecodingError) -> [MIMEParameter] {
        var parameters: [MIMEParameter] = []
        for _ in 0..<(try reader.elements()) {
            parameters.append(MIMEParameter(name: try reader.data(), value: try reader.data()))
        }
        return parameters
    }
}
