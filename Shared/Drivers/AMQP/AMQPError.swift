/// What went wrong with the broker. `detail` is for the log; it never holds the URL or the password.
package struct AMQPError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable, Hashable {
        /// The URL is not an `amqp://` or `amqps://` one.
        case badURL
        /// Nobody there, TLS failed, or the broker refused the login or the vhost.
        case connectFailed
        /// Was connected, is no more (or never was when the call came).
        case connectionLost
        /// The broker closed the channel or connection with this reply code (403, 404, 406, 320 ...).
        case refused(Int)
        /// A queue refused the message (full with `reject-publish`).
        case nacked
        /// No queue is bound to the routing key.
        case returned
        /// No answer in time.
        case timedOut
        /// The outgoing queue is full.
        case full
        /// Larger than a message of ours may be.
        case tooLarge
        /// Frames in an order that the protocol does not allow.
        case protocolViolation
    }

    package let code: Code
    package let detail: String

    package init(_ code: Code, _ detail: String = "") {
        self.code = code
        self.detail = detail
    }

    /// Whether the same call may succeed later without anybody changing the configuration.
    package var isTemporary: Bool {
        switch code {
        case .badURL, .tooLarge: false
        case .refused(let reply): reply == 320 || reply == 541 || reply == 506
        case .connectFailed, .connectionLost, .nacked, .returned, .timedOut, .full, .protocolViolation: true
        }
    }

    package var description: String { detail.isEmpty ? "\(code)" : "\(code): \(detail)" }
}
