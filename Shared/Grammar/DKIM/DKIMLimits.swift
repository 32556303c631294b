/// Every limit of signing. A message above one goes out unsigned.
package enum DKIMLimits {
    /// Bytes of a header block that is looked at.
    package static let headerBytes = 262_144
    package static let headerFields = 10_000
    /// Instances of one signed field: beyond that the field's list in `h=` would only help somebody hide something.
    package static let instances = 20
    /// Bytes of a key record that is read (RFC 6376 3.6.2.2); RSA with 4,096 bits needs about 750.
    package static let keyRecord = 4_096
    /// Tags of a key record.
    package static let tags = 64
}
