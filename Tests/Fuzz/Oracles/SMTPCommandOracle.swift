import MailWire
import SMTPGrammar

/// Command lines and the addresses in them.
enum SMTPCommandOracle {
    static func check(_ input: [UInt8]) throws(OracleFailure) {
        try line(input)
        try line(Array("MAIL FROM:<".utf8) + input)
        try line(Array("RCPT TO:".utf8) + input)
        try ours(String(decoding: input, as: UTF8.self))
    }

    private static func line(_ line: [UInt8]) throws(OracleFailure) {
        guard let command = try? SMTPCommand(line) else { return }  // refused
        try expect(line.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a control character in a command")
        let verb = line.prefix { $0 != 0x20 }
        let shouted = ASCII.uppercased(verb) + line[verb.endIndex...]
        try expectEqual(try? SMTPCommand(shouted), command, "the verb's letter case matters")
        switch command {
        case .ehlo(let name), .helo(let name): try hello(name)
        case .mail(.mailbox(let mailbox), let parameters): try address(mailbox, parameters)
        case .rcpt(.mailbox(let mailbox)): try address(mailbox, MailParameters())
        default: break
        }
    }

    /// What a client calls itself stands in every mail's trace.
    private static func hello(_ name: String) throws(OracleFailure) {
        var field: [UInt8] = []
        ReceivedField(
            client: name, peer: "192.0.2.1", host: "mx.example", transport: .esmtp, id: "1", recipient: "a@b.example",
            date: Array("today".utf8)
        ).append(to: &field)
        try expectEqual(field.count { $0 == 13 }, 4, "a line end in the trace field")
        try expectEqual(field.count { $0 == 10 }, 4, "a line end in the trace field")
        try expect(field.allSatisfy { $0 < 0x7F }, "an odd byte in the trace field")
    }

    /// What we take we can send on, and it comes back the same.
    private static func address(_ mailbox: SMTPMailbox, _ parameters: MailParameters) throws(OracleFailure) {
        try expect(mailbox.localPart.utf8.count <= SMTPLimits.localPart + 2, "local part too long")
        try expect(mailbox.domain.utf8.count <= SMTPLimits.domain, "domain too long")
        let size = parameters.size.flatMap { Int(exactly: $0) }
        let sent = SMTPClientCommand.mail(from: mailbox.address, size: size, eightBit: parameters.is8Bit).bytes
        guard let sent else { throw OracleFailure("cannot be sent on: \(mailbox)") }
        try oneLine(sent)
        guard case .mail(let path, let again)? = try? SMTPCommand(Array(sent.dropLast(2))) else {
            throw OracleFailure("cannot be read again: \(mailbox)")
        }
        try expectEqual(path, .mailbox(mailbox), "address changes on its way")
        try expectEqual(again.is8Bit, parameters.is8Bit, "BODY")
        try expectEqual(again.size, size.map { UInt64($0) }, "SIZE")
    }

    /// Whatever text is given for an address or a name, a command of ours is one line and says nothing else.
    private static func ours(_ text: String) throws(OracleFailure) {
        if let bytes = SMTPClientCommand.recipient(text).bytes {
            try oneLine(bytes)
            guard case .rcpt(.mailbox)? = try? SMTPCommand(Array(bytes.dropLast(2))) else {
                throw OracleFailure("RCPT that a server would refuse: \(text)")
            }
        }
        if let bytes = SMTPClientCommand.mail(from: text, size: 1, eightBit: true).bytes { try oneLine(bytes) }
        if let bytes = SMTPClientCommand.ehlo(text).bytes { try oneLine(bytes) }
    }

    private static func oneLine(_ bytes: [UInt8]) throws(OracleFailure) {
        try expect(bytes.suffix(2).elementsEqual([13, 10]), "no CRLF at the end")
        try expect(bytes.dropLast(2).allSatisfy { $0 >= 0x20 && $0 < 0x7F }, "an odd byte in a command of ours")
    }
}
