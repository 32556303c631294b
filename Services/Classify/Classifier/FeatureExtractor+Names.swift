import MailCore
import MailWire
import MessageGrammar

/// How the names in a mail fit each other, in any language: whether the sender's name and address belong together, and
/// where the recipient's address is used as if it were a name.
extension FeatureExtractor {
    func readNames(_ header: HeaderFields, _ sample: MailSample) {
        let envelope = sample.summary.envelope
        guard let from = envelope.from.first else { return }
        let mailbox = ASCII.lowercased(from.mailbox ?? [])
        let host = ASCII.lowercased(from.host ?? [])
        note(.senderDigits, when: mailbox.count { $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") } >= 4)
        note(.senderDeepHost, when: host.count { $0 == UInt8(ascii: ".") } >= 3)
        note(.senderCheapDomain, when: WebHost.isCheap(host[...]))
        readSenderName(mailbox, host)
        readRecipient(envelope)
    }

    /// "Anna Field <anna@field.example>" fits, "Parcel Service <x7@garden.example>" does not.
    private func readSenderName(_ mailbox: [UInt8], _ host: [UInt8]) {
        guard let section = sections.first(where: { $0.field == .sender }) else { return }
        // Canonical text of the field ends with the address; the name stands before its bracket.
        let name = text.bytes[section.range].prefix { $0 != UInt8(ascii: "<") }
        guard name.count < section.range.count else { return }
        note(.senderSymbols, when: Self.hasSymbols(name))
        let address = (mailbox + host).filter { $0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z") }
        var fits = false
        var words = 0
        for word in name.split(whereSeparator: { !Self.isNameByte($0) }) where word.count >= 3 {
            words += 1
            fits = fits || Self.contains(address, word)
        }
        if words > 0 { note(fits ? .nameInAddress : .nameNotInAddress) }
    }

    private func readRecipient(_ envelope: Envelope) {
        if let subject = sections.first(where: { $0.field == .subject }) {
            note(.subjectSymbols, when: Self.hasSymbols(text.bytes[subject.range]))
        }
        guard let to = envelope.to.first, let mailbox = to.mailbox, let host = to.host, mailbox.count >= 4 else {
            return
        }
        // In canonical text an @ between letters is read as an `a`.
        let address = FeatureExtractor.canonical(bytes: mailbox + [UInt8(ascii: "@")] + host)
        for section in sections where section.field != .sender && address.count >= 8 {
            guard Self.contains(text.bytes[section.range].prefix(600), address[...]) else { continue }
            note(section.field == .subject ? .subjectNamesRecipient : .textNamesRecipient)
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") }

    /// U+2600 to U+27BF and the plane of pictures, in UTF-8.
    private static func hasSymbols(_ bytes: ArraySlice<UInt8>) -> Bool {
        var previous: UInt8 = 0
        for byte in bytes {
            if previous == 0xE2, byte >= 0x98, byte <= 0x9E { return true }
            if previous == 0xF0, byte == 0x9F { return true }
            previous = byte
        }
        return false
    }

    private static func contains(_ bytes: some RandomAccessCollection<UInt8>, _ part: ArraySlice<UInt8>) -> Bool {
        guard let first = part.first, bytes.count >= part.count else { return false }
        var rest = bytes[...]
        while rest.count >= part.count, let start = rest.firstIndex(of: first) {
            if rest[start...].starts(with: part) { return true }
            rest = rest[rest.index(after: start)...]
        }
        return false
    }
}
