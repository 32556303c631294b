/// A pattern of LIST or LSUB (RFC 3501 6.3.8): `*` matches anything, `%` anything but the delimiter.
package struct ListPattern: Sendable, Equatable {
    /// As sent: modified UTF-7, or UTF-8 when enabled.
    package var bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package var isEmpty: Bool { bytes.isEmpty }

    /// The pattern behind `reference` made ready for many names (RFC 3501 6.3.8: the two are simply joined).
    package func matcher(reference: [UInt8] = [], utf8: Bool = false) -> ListMatcher {
        ListMatcher(pattern: reference + bytes, utf8: utf8)
    }
}
