/// What went wrong between us and PostgreSQL.
package struct PostgresError: Error, Sendable {
    package enum Code: Sendable, Hashable {
        case connectFailed
        /// The connection ended while a request was running that was not a COMMIT.
        case connectionLost
        /// Our own deadline passed; the connection was closed.
        case timeout
        /// No connection of the pool became free in time.
        case poolExhausted
        /// The server refused; five characters, see "PostgreSQL Error Codes".
        case server(sqlstate: String)
        /// A value was NULL or of another type than asked for, or a parameter changed its type.
        case decoding
        /// All that commits was sent and no answer came: it happened or it did not.
        case commitUnknown
        /// COMMIT happened with a WARNING: it is how a lost synchronous standby shows.
        case commitWarning
    }

    package let code: Code
    /// Safe to show to a peer: holds nothing of the request.
    package let publicText: String
    /// For the log only. Never holds parameter values: the server's primary message, not its DETAIL.
    package let detail: String
    /// The server process that a `commitUnknown` was sent to; 0 if unknown.
    package var backendProcess: Int32 = 0

    package init(_ code: Code, _ detail: String = "") {
        self.code = code
        self.detail = detail
        self.publicText =
            switch code {
            case .connectFailed, .connectionLost, .timeout, .poolExhausted: "storage is not available"
            case .server, .decoding: "storage refused the request"
            case .commitUnknown, .commitWarning: "storage did not confirm"
            }
    }

    /// Whether the same request may succeed later.
    package var isTemporary: Bool {
        switch code {
        case .connectFailed, .connectionLost, .timeout, .poolExhausted, .commitUnknown, .commitWarning: true
        case .decoding: false
        case .server(let state):
            // Connection, insufficient resources, operator intervention, system error, serialization, deadlock, lock.
            ["08", "53", "57", "58", "40"].contains(String(state.prefix(2))) || state == "55P03" || state == "25006"
        }
    }

    package var sqlState: String? {
        if case .server(let state) = code { state } else { nil }
    }
}

extension PostgresError: CustomStringConvertible {
    package var description: String { detail.isEmpty ? "\(code)" : "\(code): \(detail)" }
}
