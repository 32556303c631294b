import MailCore

/// The stored form: a version byte, then fields in fixed order. A reader refuses versions it does not know; a change of
/// the form takes a new version and keeps reading the old one.
extension MessageSummary {
    private static let version: UInt8 = 1

    package func encoded() -> [UInt8] {
        var writer = SummaryWriter()
        writer.byte(Self.version)
        writer.unsigned(UInt64(flags.rawValue))
        writer.count(size)
        writer.count(lines)
        writer.byte(sentDate == nil ? 0 : 1)
        if let sentDate {
            writer.signed(sentDate.microseconds)
            writer.signed(Int64(sentZoneMinutes))
        }
        envelope.write(to: &writer)
        structure.write(to: &writer)
        writer.text(preview)
        return writer.bytes
    }

    /// Everything in front of the envelope.
    static func skipHead(_ reader: inout SummaryReader) throws(SummaryDecodingError) {
        let version = try reader.byte()
        guard version == Self.version else { throw .unknownVersion(version) }
        for _ in 0..<3 { _ = try reader.unsigned() }
        guard try reader.byte() != 0 else { return }
        for _ in 0..<2 { _ = try reader.unsigned() }
    }

    package init(decoding bytes: [UInt8]) throws(SummaryDecodingError) {
        // The closure's throws would be untyped through `withUnsafeBytes` of older toolchains; `Result` keeps the type.
        let result = bytes.withUnsafeBytes { buffer -> Result<MessageSummary, SummaryDecodingError> in
            do throws(SummaryDecodingError) {
                return .success(try MessageSummary(decoding: buffer))
            } catch {
                return .failure(error)
            }
        }
        self = try result.get()
    }

    package init(decoding bytes: UnsafeRawBufferPointer) throws(SummaryDecodingError) {
        self.init()
        var reader = SummaryReader(bytes)
        let version = try reader.byte()
        guard version == Self.version else { throw .unknownVersion(version) }
        flags = Flags(rawValue: UInt32(truncatingIfNeeded: try reader.unsigned()))
        size = try reader.count()
        lines = try reader.count()
        if try reader.byte() != 0 {
            sentDate = Timestamp(microseconds: try reader.signed())
            sentZoneMinutes = Int(Int16(truncatingIfNeeded: try reader.signed()))
        }
        envelope = try Envelope(from: &reader)
        var parts = 0
        structure = try BodyPart(from: &reader, depth: 1, parts: &parts)
        preview = try reader.text()
        guard reader.isAtEnd else { throw .corrupt }
    }
}

extension Envelope {
    func write(to writer: inout SummaryWriter) {
        for value in [date, subject, inReplyTo, messageID] { writer.optionalData(value) }
        Self.write(from, to: &writer)
        let shared: UInt8 = (sender == from ? 1 : 0) | (replyTo == from ? 2 : 0)
        writer.byte(shared)
        if shared & 1 == 0 { Self.write(sender, to: &writer) }
        if shared & 2 == 0 { Self.write(replyTo, to: &writer) }
        for list in [to, cc, bcc] { Self.write(list, to: &writer) }
    }

    init(from reader: inout SummaryReader) throws(SummaryDecodingError) {
        date = try reader.optionalData()
        subject = try reader.optionalData()
        inReplyTo = try reader.optionalData()
        messageID = try reader.optionalData()
        from = try Self.addresses(from: &reader)
        let shared = try reader.byte()
        sender = shared & 1 != 0 ? from : try Self.addresses(from: &reader)
        replyTo = shared & 2 != 0 ? from : try Self.addresses(from: &reader)
        to = try Self.addresses(from: &reader)
        cc = try Self.addresses(from: &reader)
        bcc = try Self.addresses(from: &reader)
    }

    private static func write(_ list: [MailAddress], to writer: inout SummaryWriter) {
        writer.count(list.count)
        for address in list {
            for value in [address.name, address.route, address.mailbox, address.host] { writer.optionalData(value) }
        }
    }

    private static func addresses(from reader: inout SummaryReader) throws(SummaryDecodingError) -> [MailAddress] {
        let count = try reader.elements()
        var list: [MailAddress] = []
        list.reserveCapacity(min(count, MessageLimits.addresses))
        for _ in 0..<count {
            list.append(
                MailAddress(
                    name: try reader.optionalData(), route: try reader.optionalData(),
                    mailbox: try reader.optionalData(), host: try reader.optionalData()))
        }
        return list
    }
}
