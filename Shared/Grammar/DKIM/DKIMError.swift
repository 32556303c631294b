/// Why there is no signature. Neither names an address or shows a key.
package enum DKIMError: Error, Equatable, Sendable {
    /// A header that two readers could take for two different messages: lines that are no field, white space before a
    /// colon, NUL, a bare CR or LF, no From or several (RFC 6376 8.15, 5.4).
    case ambiguousHeader
    /// Above one of `DKIMLimits`.
    case tooLarge
    /// The stored bytes are no key of that algorithm.
    case unusableKey
    /// The cryptographic library refused to sign.
    case signingFailed
}
