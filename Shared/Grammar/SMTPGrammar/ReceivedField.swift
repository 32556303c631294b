/// The trace field that an accepted mail begins with (RFC 5321 4.4).
package struct ReceivedField: Sendable {
    /// RFC 3848.
    package enum Transport: String, Sendable {
        case smtp = "SMTP"
        case esmtp = "ESMTP"
        case esmtps = "ESMTPS"
        case esmtpa = "ESMTPA"
        case esmtpsa = "ESMTPSA"

        package init(isExtended: Bool, isSecure: Bool, isAuthenticated: Bool) {
            switch (isExtended, isSecure, isAuthenticated) {
            case (false, false, false): self = .smtp
            case (_, true, true): self = .esmtpsa
            case (_, true, false): self = .esmtps
            case (_, false, true): self = .esmtpa
            case (true, false, false): self = .esmtp
            }
        }
    }

    private let client: String
    private let peer: String
    private let host: String
    private let transport: Transport
    private let id: String
    private let recipient: String?
    private let date: [UInt8]

    /// - Parameters:
    ///   - client: the name given in EHLO, checked by the command parser.
    ///   - recipient: only when there is one: nobody learns of the others (RFC 5321 7.6).
    ///   - date: RFC 5322 date-time.
    package init(
        client: String, peer: String, host: String, transport: Transport, id: String, recipient: String?, date: [UInt8]
    ) {
        self.client = client
        self.peer = peer
        self.host = host
        self.transport = transport
        self.id = id
        self.recipient = recipient
        self.date = date
    }

    package func append(to output: inout [UInt8]) {
        output.append(contentsOf: "Received: from ".utf8)
        output.append(contentsOf: client.utf8)
        output.append(contentsOf: (peer.utf8.contains(UInt8(ascii: ":")) ? " ([IPv6:" : " ([").utf8)
        output.append(contentsOf: peer.utf8)
        output.append(contentsOf: "])\r\n\tby ".utf8)
        output.append(contentsOf: host.utf8)
        output.append(contentsOf: " with ".utf8)
        output.append(contentsOf: transport.rawValue.utf8)
        output.append(contentsOf: " id ".utf8)
        output.append(contentsOf: id.utf8)
        if let recipient {
            output.append(contentsOf: "\r\n\tfor <".utf8)
            output.append(contentsOf: recipient.utf8)
            output.append(UInt8(ascii: ">"))
        }
        output.append(contentsOf: ";\r\n\t".utf8)
        output.append(contentsOf: date)
        output.append(contentsOf: "\r\n".utf8)
    }
}
