import MessageGrammar
import Storage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reads the mails of one file, a piece at a time.
struct MailFile: ~Copyable {
    private static let pieceSize = 64 << 10

    private let descriptor: Int32
    private var splitter: MailFileSplitter?
    private var isAtEnd = false
    /// It could not be read to its end: what came before it counts, its last mail does not.
    private(set) var isBroken = false

    /// `nil`: it cannot be opened, or is no file (a pipe without a writer would be waited for).
    init?(_ path: String) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        var about = stat()
        guard descriptor >= 0, fstat(descriptor, &about) == 0, about.st_mode & S_IFMT == S_IFREG else { return nil }
    }

    deinit { close(descriptor) }

    /// The mails that end in the next piece, cut to what a classifier looks at; `nil` at the end. A file that holds no
    /// mail ends at once.
    mutating func next() -> [[UInt8]]? {
        guard !isAtEnd else { return nil }
        guard let piece = read() else {
            (isAtEnd, isBroken) = (true, true)
            return nil
        }
        if splitter == nil {
            guard let format = MailFileSplitter.format(of: piece) else {
                isAtEnd = true
                return nil
            }
            splitter = MailFileSplitter(format, limit: LearnStore.sampleBytes)
        }
        guard piece.isEmpty else { return splitter?.feed(piece) }
        isAtEnd = true
        return splitter?.finish().map { [$0] }
    }

    /// Empty at the end; `nil` after an error.
    private func read() -> [UInt8]? {
        let file = descriptor
        var isRead = true
        let piece = [UInt8](unsafeUninitializedCapacity: Self.pieceSize) { buffer, count in
            var got = -1
            repeat { got = Glibc.read(file, buffer.baseAddress, buffer.count) } while got < 0 && errno == EINTR
            count = max(0, got)
            isRead = got >= 0
        }
        return isRead ? piece : nil
    }
}
