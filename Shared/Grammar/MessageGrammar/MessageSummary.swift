package import MailCore

/// What is derived from a mail once, while it arrives, and stored beside it, so that no reader parses a body again.
package struct MessageSummary: Sendable, Equatable {
    package struct Flags: OptionSet, Sendable, Equatable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }

        /// Readers may disagree about the structure: two Content-Types, two boundaries, an empty boundary, two transfer
        /// encodings, base64 with junk or text after its padding. A filter should judge all readings.
        package static let ambiguous = Flags(rawValue: 1 << 0)
        /// A limit of `MessageLimits` was met; the summary leaves something out.
        package static let truncated = Flags(rawValue: 1 << 1)
        /// A multipart without parts or without its closing delimiter, a header block without its empty line or with
        /// lines that are no fields.
        package static let malformed = Flags(rawValue: 1 << 2)
        package static let has8Bit = Flags(rawValue: 1 << 3)
        package static let hasNUL = Flags(rawValue: 1 << 4)
        /// A line that ends with LF alone (only IMAP APPEND lets such mail in).
        package static let hasBareLineFeed = Flags(rawValue: 1 << 5)
        /// A part that a person would call an attachment.
        package static let hasAttachment = Flags(rawValue: 1 << 6)
    }

    package var flags: Flags = []
    package var size = 0
    /// Line ends in the whole mail.
    package var lines = 0
    /// Bytes up to and including the empty line that ends the header.
    package var headerLength: Int { structure.headerLength }
    package var envelope = Envelope()
    package var structure = BodyPart()
    /// The Date field as a moment; `nil` when absent or not a date.
    package var sentDate: Timestamp?
    /// The zone the Date field was written in, minutes east of Greenwich: SENTON compares the date as written there.
    package var sentZoneMinutes = 0
    /// The beginning of the first text part, decoded, white space collapsed; at most 200 characters.
    package var preview = ""

    package init() {}
}
