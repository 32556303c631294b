import MailWire

/// Reads a message once, in chunks of any size: keeps its header block and hashes its body.
package struct DKIMMessageHash: Sendable {
    private var header: [UInt8] = []
    private var body = DKIMBodyHash()
    private var isInBody = false
    private var isTooLarge = false

    package init() {}

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        if isInBody { return body.update(bytes) }
        guard !isTooLarge else { return }
        // The empty line may lie across two chunks.
        let searchStart = max(0, header.count - 3)
        header += bytes
        guard let end = Self.endOfHeader(header, from: searchStart) else {
            isTooLarge = header.count > DKIMLimits.headerBytes
            if isTooLarge { header = [] }
            return
        }
        isInBody = true
        header[end...].withUnsafeBytes { body.update($0) }
        header.removeSubrange(end...)
    }

    package mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

    /// The header block with its empty line, and the hash of the body. The value is spent afterwards.
    package mutating func finish() throws(DKIMError) -> (header: DKIMHeader, bodyHash: [UInt8]) {
        guard !isTooLarge else { throw .tooLarge }
        return (try DKIMHeader(header), body.finish())
    }

    /// Behind the first empty line; RFC 5322 2.1: that line alone separates header and body.
    private static func endOfHeader(_ bytes: [UInt8], from start: Int) -> Int? {
        if bytes.starts(with: [.carriageReturn, .lineFeed]) { return 2 }
        guard bytes.count >= 4 else { return nil }
        return bytes.withUnsafeBytes { bytes in
            var index = start
            while index + 4 <= bytes.count {
                if bytes[index + 3] > .carriageReturn {
                    index += 4
                } else if bytes[index] == .carriageReturn, bytes[index + 1] == .lineFeed,
                    bytes[index + 2] == .carriageReturn, bytes[index + 3] == .lineFeed
                {
                    return index + 4
                } else {
                    index += 1
                }
            }
            return nil
        }
    }
}
