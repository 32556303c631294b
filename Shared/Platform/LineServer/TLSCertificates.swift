package import Logging
import NIOCore
import NIOSSL
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The certificate of the listening ports. Replaced files are taken up by new sessions; bad ones leave the old in use.
package final class TLSCertificates: Sendable {
    private struct State {
        var certificateFile: String
        var keyFile: String
        var context: NIOSSLContext
        var chain: [String]
        var stamp: FileStamp
        var lookedAt: ContinuousClock.Instant
    }

    private let logger: Logger
    private let state: Mutex<State>

    /// A replaced certificate is looked for at most this often, and only when a session starts TLS.
    private static let lookInterval = Duration.seconds(2)

    package init(certificateFile: String, keyFile: String, logger: Logger = Logger(label: "tls")) throws {
        self.logger = logger
        self.state = Mutex(try Self.load(certificateFile, keyFile))
    }

    /// Reads the files again; on failure the old certificate stays and the error is thrown.
    package func reload() throws {
        let files = state.withLock { ($0.certificateFile, $0.keyFile) }
        try prepare(certificateFile: files.0, keyFile: files.1)()
    }

    /// Reads these files; new sessions use them once the result is called.
    package func prepare(certificateFile: String, keyFile: String) throws -> @Sendable () -> Void {
        let loaded = try Self.load(certificateFile, keyFile)
        return { self.state.withLock { $0 = loaded } }
    }

    /// What new sessions show, the server's own certificate first: names and serial numbers.
    var chain: [String] { state.withLock { $0.chain } }

    /// The context for a new session. Looks for new files now and then: two `stat`, and two small reads when they changed.
    func current() -> NIOSSLContext {
        let now = ContinuousClock.now
        let (used, look) = state.withLock { state -> (State, Bool) in
            guard now - state.lookedAt > Self.lookInterval else { return (state, false) }
            state.lookedAt = now
            return (state, true)
        }
        guard look else { return used.context }
        let stamp = FileStamp(used.certificateFile, used.keyFile)
        guard used.stamp != stamp else { return used.context }
        do {
            try reload()
            logger.notice("new certificate in use", metadata: ["reason": "certificate_reloaded"])
        } catch {
            state.withLock { $0.stamp = stamp }
            logger.error(
                "certificate not usable, the old one stays",
                metadata: ["reason": "certificate_bad", "error": "\(error)"])
        }
        return state.withLock { $0.context }
    }

    private static func load(_ certificateFile: String, _ keyFile: String) throws -> State {
        // Before the files are read: what changes meanwhile is seen at the next look.
        let stamp = FileStamp(certificateFile, keyFile)
        let chain = try NIOSSLCertificate.fromPEMFile(certificateFile)
        let key = try NIOSSLPrivateKey(file: keyFile, format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map(NIOSSLCertificateSource.certificate), privateKey: .privateKey(key))
        // The library's default minimum is TLS 1.0. TLS 1.2 only with AEAD and forward secrecy; 1.3 has nothing else.
        configuration.minimumTLSVersion = .tlsv12
        configuration.cipherSuites = "ECDH+AESGCM:ECDH+CHACHA20"
        configuration.shutdownTimeout = .seconds(2)
        return State(
            certificateFile: certificateFile, keyFile: keyFile,
            context: try NIOSSLContext(configuration: configuration), chain: chain.map { "\($0)" }, stamp: stamp,
            lookedAt: .now)
    }
}

/// Tells whether files were replaced.
private struct FileStamp: Equatable {
    private let parts: [Int64]

    init(_ files: String...) {
        parts = files.flatMap { file -> [Int64] in
            var status = stat()
            guard stat(file, &status) == 0 else { return [-1] }
            return [
                Int64(truncatingIfNeeded: status.st_ino), Int64(status.st_size), Int64(status.st_mtim.tv_sec),
                Int64(status.st_mtim.tv_nsec),
            ]
        }
    }
}
