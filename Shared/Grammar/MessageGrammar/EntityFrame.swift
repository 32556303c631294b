/// An entity that is being read; the scanner keeps a stack of them.
struct EntityFrame {
    enum Kind {
        /// Its header is being read.
        case header
        case leaf
        case multipart
        /// Holds the message of the frame above it.
        case message
    }

    var kind = Kind.header
    var part = BodyPart()
    /// A message (the root, or what a `message/rfc822` part holds) has an envelope.
    let isMessage: Bool
    let defaultType: MediaType
    var envelope: Envelope?
    var date: MailDate?
    /// Line ends before the body.
    var lineEndsBefore = 0
    var children: [BodyPart] = []
    var enclosed: EnclosedMessage?
    /// A multipart whose closing delimiter has been seen.
    var isClosed = false

    /// No entity ends before what it contains.
    var innerEnd: Int {
        let inner = enclosed?.structure ?? children.last
        return max(part.bodyOffset, inner?.bodyRange.upperBound ?? 0)
    }

    init(headerOffset: Int, isMessage: Bool, defaultType: MediaType) {
        self.isMessage = isMessage
        self.defaultType = defaultType
        part.headerOffset = headerOffset
    }
}
