import MailWire

/// Watches base64 text for what decoders disagree about: bytes outside the alphabet and text after padding.
struct Base64Check {
    private(set) var isAmbiguous = false
    private var sawPadding = false

    /// Class of each byte: 0 alphabet, 1 white space, 2 padding, 4 junk.
    private static let classes: [UInt8] = (0...255).map { (byte: UInt8) in
        switch byte {
        case UInt8(ascii: "+"), UInt8(ascii: "/"): 0
        case UInt8(ascii: "="): 2
        case _ where byte.isASCIIAlphanumeric: 0
        case _ where byte.isFoldingWhiteSpace: 1
        default: 4
        }
    }

    mutating func take(_ bytes: UnsafeRawBufferPointer) {
        guard !isAmbiguous else { return }
        var seen: UInt8 = 0
        Self.classes.withUnsafeBufferPointer { classes in
            for byte in bytes { seen |= classes[Int(byte)] }
        }
        if seen & 4 != 0 {
            isAmbiguous = true
        } else if sawPadding || seen & 2 != 0 {
            for byte in bytes {
                if byte == UInt8(ascii: "=") {
                    sawPadding = true
                } else if sawPadding, !byte.isFoldingWhiteSpace {
                    isAmbiguous = true
                }
            }
        }
    }
}
