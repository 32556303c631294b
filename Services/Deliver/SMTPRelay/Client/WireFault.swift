import NIOCore
import NIOSSL
import SMTPGrammar

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Why a connection brings no reply.
enum WireFault: Error, Sendable, Hashable {
    case closed(String?)
    case timeout
    case notSMTP(SMTPReplyError)

    /// In words for the sender of the mail; nothing of the peer's is in it.
    var text: String {
        switch self {
        case .closed(nil): "The server closed the connection"
        case .closed(let reason?): "The connection was lost: \(reason)"
        case .timeout: "The server did not answer in time"
        case .notSMTP: "What the server said is not SMTP"
        }
    }

    /// An error of the channel in few words.
    static func reason(_ error: any Error) -> String {
        switch error {
        case let error as IOError: String(cString: strerror(error.errnoCode))
        case ChannelError.connectTimeout: "time-out"
        case is CancellationError: "stopped on this side"
        case is NIOSSLError, is BoringSSLError: "TLS error"
        default: "\(type(of: error))"
        }
    }
}
