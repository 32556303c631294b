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

    /// `nil`: it cannot be opened.
    init?(_ path: String) {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
    }

    deinit { close(descriptor) }

    /// The mails that end in the next piece, cut to what a classifier looks at; `nil` at the end. A file that holds no
    /// mail ends at once.
    mutating func next() -> [[UInt8]]? {
        guard !isAtEnd else { return nil }
        let piece = read()
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

    /// Empty at the end, and after an error.
    private func read() -> [UInt8] {
        let file = descriptor
        return [UInt8](unsafeUninitializedCapacity: Self.pieceSize) { buffer, count in
            var got = -1
            repeat { got = Glibc.read(file, buffer.baseAddress, buffer.count) } while got < 0 && errno == EINTR
            count = max(0, got)
        }
    }
}
