import NIOCore
import NIOSSL

/// TLS to servers whose identity nobody vouches for (RFC 7435): it keeps out who only listens.
enum ClientTLS {
    private static let context: Result<NIOSSLContext, any Error> = Result {
        var configuration = TLSConfiguration.makeClientConfiguration()
        // TLS 1.2 only with AEAD and forward secrecy; 1.3 has nothing else.
        configuration.minimumTLSVersion = .tlsv12
        configuration.cipherSuites = "ECDH+AESGCM:ECDH+CHACHA20"
        configuration.certificateVerification = .none
        configuration.trustRoots = .certificates([])
        configuration.shutdownTimeout = .seconds(2)
        return try NIOSSLContext(configuration: configuration)
    }

    /// The name goes along as SNI (RFC 6066 3) when it is one.
    static func handler(_ host: String) throws -> NIOSSLClientHandler {
        let context = try context.get()
        do {
            return try NIOSSLClientHandler(context: context, serverHostname: host)
        } catch {
            return try NIOSSLClientHandler(context: context, serverHostname: nil)
        }
    }
}
