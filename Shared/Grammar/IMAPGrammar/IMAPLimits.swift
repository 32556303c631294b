/// Every limit of the IMAP grammar, in one place. The server may lower those of the framer, per session state.
package enum IMAPLimits {
    /// Bytes of one command without its literals, over all its lines (above: BAD, and the connection is closed).
    package static let commandText = 65_536
    /// One literal that is an argument (not the message of APPEND).
    package static let literal = 65_536
    /// All argument literals of one command together.
    package static let literalTotal = 131_072
    /// Before login: a user name and a password are all that is needed.
    package static let textBeforeLogin = 8_192
    package static let literalTotalBeforeLogin = 8_192
    /// Number of argument literals in one command.
    package static let literalCount = 1_024

    /// RFC 3501 has no bound for a tag; clients use 1 to 20 characters.
    package static let tag = 64
    /// Elements of one sequence set, as sent (before they are merged).
    package static let sequenceSetElements = 16_384
    /// Nesting of NOT, OR and parentheses in SEARCH.
    package static let searchDepth = 100
    /// Keys of one SEARCH.
    package static let searchKeys = 10_000
    /// Keys of one SEARCH that compare text, and of these BODY and TEXT, which read whole mails: each is another pass.
    package static let searchTexts = 256
    package static let searchContents = 32
    /// Header names in one HEADER.FIELDS list, and items of one FETCH.
    package static let headerFields = 256
    package static let fetchItems = 128
    /// Numbers of a section such as 1.2.3 (MessageGrammar stops at structure depth 100).
    package static let sectionParts = 100
    /// Flags in one STORE or APPEND.
    package static let flags = 128
    /// Bytes of one keyword.
    package static let keyword = 128
    /// Field pairs of ID (RFC 2971 3.3: 30), and bytes of a field name and value.
    package static let idPairs = 30
    package static let idField = 30
    package static let idValue = 1_024
    /// Names in ENABLE.
    package static let enableNames = 64
    /// Patterns of an extended LIST (RFC 5258).
    package static let listPatterns = 64

    /// A mailbox name: bytes of its UTF-8 form, and levels of hierarchy.
    package static let mailboxName = 1_000
    package static let mailboxLevels = 50
    /// Bytes of a LIST pattern.
    package static let listPattern = 1_000

    /// RFC 2683 3.2.1.5 and common practice: a string longer than this is written as a literal.
    package static let quotedString = 1_000
    /// Nesting of multipart in a BODYSTRUCTURE that the encoder follows; deeper parts are written as empty text.
    package static let structureDepth = 100
}
