#if canImport(Glibc)
    import Glibc
#endif

/// Reading of files that are small by nature: settings and secrets.
enum SmallFile {
    /// All of it; `nil` if it cannot be read or is larger (`errno` tells why).
    static func bytes(of path: String, atMost limit: Int) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer {
            let reason = errno
            close(descriptor)
            errno = reason
        }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while bytes.count <= limit {
            let count = read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            if count < 0 { return nil }
            if count == 0 { return bytes }
            bytes += piece.prefix(count)
        }
        errno = EFBIG
        return nil
    }

    /// The first line; `nil` if the file cannot be read or is longer than 4 KiB.
    static func firstLine(of path: String) -> String? {
        guard let bytes = bytes(of: path, atMost: 4096) else { return nil }
        return String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }, as: UTF8.self)
    }
}
