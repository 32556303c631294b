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
        var context: NIOSSLContext
        var chain: [String]
        var stamp: FileStamp
        var lookedAt: ContinuousClock.Instant
    }

    private let certificateFile: String
    private let keyFile: String
    private let logger: Logger
    private let state: Mutex<State>

    /// A replaced certificate is looked for at most this often, and only when a session starts TLS.
    private static let lookInterval = Duration.seconds(2)

    package init(certificateFile: String, keyFile: String, logger: Logger = Logger(label: "tls")) throws {
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.logger = logger
        let (context, chain) = try Self.load(certificateFile, keyFile)
        self.state = Mutex(
            State(context: context, chain: chain, stamp: FileStamp(certificateFile, keyFile), lookedAt: .now))
    }

    /// Reads the files again; on failure the old certificate stays and the error is thrown.
    package func reload() throws {
        let (context, chain) = try Self.load(certificateFile, keyFile)
        let stamp = FileStamp(certificateFile, keyFile)
        state.withLock {
            $0.context = context
            $0.chain = chain
            $0.stamp = stamp
        }
    }

    /// What new sessions show, the server's own certificate first: names and serial numbers.
    var chain: [String] { state.withLock { $0.chain } }

    /// The context for a new session. Looks for new files now and then: two `stat`, and two small reads when they changed.
    func current() -> NIOSSLContext {
        let now = ContinuousClock.now
        let (context, look) = state.withLock { state -> (NIOSSLContext, Bool) in
            guard now - state.lookedAt > Self.lookInterval else { return (state.context, false) }
            state.lookedAt = now
            return (state.context, true)
        }
        guard look else { return context }
        let stamp = FileStamp(certificateFile, keyFile)
        guard state.withLock({ $0.stamp != stamp }) else { return context }
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

    private static func load(_ certificateFile: String, _ keyFile: String) throws -> (NIOSSLContext, [String]) {
        let chain = try NIOSSLCertificate.fromPEMFile(certificateFile)
        let key = try NIOSSLPrivateKey(file: keyFile, format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map(NIOSSLCertificateSource.certificate), privateKey: .privateKey(key))
        // The library's default minimum is TLS 1.0. TLS 1.2 only with AEAD and forward secrecy; 1.3 has nothing else.
        configuration.minimumTLSVersion = .tlsv12
        configuration.cipherSuites = "ECDH+AESGCM:ECDH+CHACHA20"
        configuration.shutdownTimeout = .seconds(2)
        return (try NIOSSLContext(configuration: configuration), chain.map { "\($0)" })
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
