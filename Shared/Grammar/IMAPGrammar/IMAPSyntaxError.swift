/// Why a command was refused, with the text that may be sent to the peer. It never carries bytes of the command.
package struct IMAPSyntaxError: Error, Sendable, Equatable {
    /// BAD for a protocol error, NO for a well-formed command that asks for something impossible (RFC 3501 7.1).
    package enum Status: Sendable, Equatable { case bad, no }

    /// Nil when no valid tag could be read: the answer is untagged.
    package var tag: String?
    package var status: Status
    package var code: IMAPResponseCode?
    package var text: String
    /// The framing is lost or the peer is abusive: answer, then close.
    package var close: Bool

    package init(
        _ text: String, status: Status = .bad, code: IMAPResponseCode? = nil, tag: String? = nil, close: Bool = false
    ) {
        self.tag = tag
        self.status = status
        self.code = code
        self.text = text
        self.close = close
    }

    /// The answer line; `* BAD` when there is no tag.
    package func encoded() -> [UInt8] {
        var writer = IMAPResponseWriter()
        writer.refusal(self)
        return writer.take()
    }
}
