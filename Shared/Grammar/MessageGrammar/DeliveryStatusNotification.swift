package import MailCore
import MailWire

/// Tells a sender that a mail could not be delivered (RFC 3464): a multipart/report (RFC 6522) of words for a person, fields
/// for a program and the header of the mail.
///
/// Everything in it that came from a peer is made printable ASCII on one line, except the returned header, which is
/// the mail's own and stands behind a boundary that nobody could know.
package struct DeliveryStatusNotification: Sendable {
    package struct Recipient: Sendable {
        /// Whom it could not be delivered to.
        package var address: String
        /// Whom it was sent to, if that address forwards to `address`.
        package var original: String?
        /// RFC 3463, `5.1.1`.
        package var status: String
        /// The SMTP code; 0 when no server has spoken.
        package var code: Int
        /// What was answered, or found by ourselves.
        package var reply: String
        /// Empty when no host was reached.
        package var host: String
        package var lastAttempt: Timestamp
        /// It was tried until its time was over.
        package var isExpired: Bool

        package init(
            address: String, original: String?, status: String, code: Int, reply: String, host: String,
            lastAttempt: Timestamp, isExpired: Bool
        ) {
            self.address = address
            self.original = original
            self.status = status
            self.code = code
            self.reply = reply
            self.host = host
            self.lastAttempt = lastAttempt
            self.isExpired = isExpired
        }
    }

    /// Of the returned header.
    package static let maximumHeader = 49_152
    /// RFC 5321 4.5.3.1.6: a line has at most 1000 octets with its end.
    private static let maximumLine = 998

    /// Names the notification; also its boundary and Message-ID.
    package var id: String
    /// How this host calls itself.
    package var host: String
    /// `MAILER-DAEMON@example.org`.
    package var from: String
    package var to: String
    package var date: Timestamp
    /// When the mail came to us.
    package var arrived: Timestamp
    package var recipients: [Recipient]
    /// The mail from its first byte, as far as it is at hand.
    package var original: [UInt8]

    package init(
        id: String, host: String, from: String, to: String, date: Timestamp, arrived: Timestamp,
        recipients: [Recipient], original: [UInt8]
    ) {
        self.id = id
        self.host = host
        self.from = from
        self.to = to
        self.date = date
        self.arrived = arrived
        self.recipients = recipients
        self.original = original
    }

    private var boundary: String { "=_\(id)" }

    /// The whole mail, lines ended by CRLF.
    package func encoded() -> [UInt8] {
        let header = returnedHeader()
        let isEightBit = header.contains { $0 > 0x7F }
        var mail = Lines()
        appendHeader(to: &mail, isEightBit: isEightBit)
        mail.add("--\(boundary)")
        appendWords(to: &mail)
        mail.add("--\(boundary)")
        appendStatus(to: &mail)
        mail.add("--\(boundary)")
        mail.add("Content-Description: Header of the undelivered mail")
        mail.add("Content-Type: text/rfc822-headers")
        mail.add("Content-Transfer-Encoding: \(isEightBit ? "8bit" : "7bit")")
        mail.add("")
        mail.bytes += header
        mail.add("")
        mail.add("--\(boundary)--")
        return mail.bytes
    }

    /// RFC 3834 5: `Auto-Submitted` keeps machines from answering, and RFC 3464 2: the envelope has no sender.
    private func appendHeader(to mail: inout Lines, isEightBit: Bool) {
        mail.add("From: Mail Delivery System <\(line(from))>")
        mail.add("To: <\(line(to))>")
        mail.add("Subject: Your mail could not be delivered")
        mail.add("Date: \(text(date))")
        mail.add("Message-ID: <\(id)@\(host)>")
        if let reference = originalMessageID() {
            mail.add("In-Reply-To: \(reference)")
            mail.add("References: \(reference)")
        }
        mail.add("Auto-Submitted: auto-replied")
        mail.add("MIME-Version: 1.0")
        mail.add("Content-Type: multipart/report; report-type=delivery-status;")
        mail.add("\tboundary=\"\(boundary)\"")
        mail.add("Content-Transfer-Encoding: \(isEightBit ? "8bit" : "7bit")")
        mail.add("")
    }

    private func appendWords(to mail: inout Lines) {
        mail.add("Content-Type: text/plain; charset=us-ascii")
        mail.add("Content-Transfer-Encoding: 7bit")
        mail.add("")
        mail.add("This is the mail system at \(host).")
        mail.add("")
        mail.add("Your mail of \(text(arrived)) could not be delivered")
        mail.add(recipients.count == 1 ? "to this address:" : "to these addresses:")
        for recipient in recipients {
            mail.add("")
            var address = "  <\(line(recipient.address))>"
            if let original = recipient.original { address += ", to which <\(line(original))> forwards" }
            mail.add(address)
            let reason = recipient.code == 0 ? recipient.reply : "\(recipient.code) \(recipient.reply)"
            if recipient.isExpired {
                mail.add("    Many attempts were made, and none will be made any more. The last one:")
            }
            mail.add("    " + (recipient.host.isEmpty ? "" : "\(line(recipient.host)) says: ") + line(reason))
        }
        mail.add("")
        mail.add("The header of your mail is attached. Your mail to other addresses, if any, is")
        mail.add("not affected.")
        mail.add("")
    }

    private func appendStatus(to mail: inout Lines) {
        mail.add("Content-Description: Delivery report")
        mail.add("Content-Type: message/delivery-status")
        mail.add("")
        mail.add("Reporting-MTA: dns; \(line(host))")
        mail.add("Arrival-Date: \(text(arrived))")
        for recipient in recipients {
            mail.add("")
            if let original = recipient.original { mail.add("Original-Recipient: rfc822; \(line(original))") }
            mail.add("Final-Recipient: rfc822; \(line(recipient.address))")
            mail.add("Action: failed")
            mail.add("Status: \(status(of: recipient))")
            if !recipient.host.isEmpty { mail.add("Remote-MTA: dns; \(line(recipient.host))") }
            if recipient.code != 0 {
                mail.add("Diagnostic-Code: smtp; \(recipient.code) \(line(recipient.reply))")
            } else {
                mail.add("Diagnostic-Code: X-Martlet; \(line(recipient.reply))")
            }
            mail.add("Last-Attempt-Date: \(text(recipient.lastAttempt))")
        }
        mail.add("")
    }

    /// RFC 3464 2.3.4: of a failed delivery it is permanent; RFC 3463 3.5: X.4.7, delivery time expired.
    private func status(of recipient: Recipient) -> String {
        let parts = recipient.status.split(separator: ".").map {
            $0.utf8.allSatisfy(\.isASCIIDigit) && $0.utf8.count <= 3
        }
        guard parts.count == 3, !parts.contains(false) else { return recipient.isExpired ? "5.4.7" : "5.0.0" }
        if recipient.isExpired, recipient.code == 0 { return "5.4.7" }
        return "5" + recipient.status.dropFirst()
    }

    // MARK: - The mail itself

    private func originalMessageID() -> String? {
        guard let value = HeaderFields(original).firstValue("Message-ID"), (3...250).contains(value.count),
            value.first == UInt8(ascii: "<"), value.last == UInt8(ascii: ">"),
            value.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        return String(decoding: value, as: UTF8.self)
    }

    /// Up to the empty line, whole lines only; longer lines than the standard has are cut.
    private func returnedHeader() -> [UInt8] {
        var header: [UInt8] = []
        let bytes = original.prefix(Self.maximumHeader)
        var start = bytes.startIndex
        while start < bytes.endIndex, let end = bytes[start...].firstIndex(of: .lineFeed) {
            var line = bytes[start..<end]
            if line.last == .carriageReturn { line = line.dropLast() }
            if line.isEmpty { break }
            header += line.prefix(Self.maximumLine)
            header += [.carriageReturn, .lineFeed]
            start = end + 1
        }
        return header
    }

    // MARK: - Text

    private func text(_ moment: Timestamp) -> String {
        String(decoding: MailDate(timestamp: moment).headerText, as: UTF8.self)
    }

    /// Nothing in it can end the line.
    private func line(_ text: String) -> String {
        String(
            decoding: text.utf8.prefix(900).map { (0x20...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }

    private struct Lines {
        var bytes: [UInt8] = []

        mutating func add(_ line: String) {
            bytes += line.utf8
            bytes += [.carriageReturn, .lineFeed]
        }
    }
}
