/// A port on which a daemon should answer.
package struct ServicePort: Sendable, Hashable {
    package enum Dialogue: Sendable {
        case smtp, imap, pop3, http
    }

    package enum Security: Sendable {
        case none, startTLS, implicit
    }

    /// `SMTP`, `IMAPS`, ...
    package let name: String
    package let daemon: String
    package let host: String
    package let port: Int
    package let dialogue: Dialogue
    package let security: Security

    package init(
        _ name: String, daemon: String, host: String, port: Int, dialogue: Dialogue, security: Security
    ) {
        self.name = name
        self.daemon = daemon
        self.host = host
        self.port = port
        self.dialogue = dialogue
        self.security = security
    }

    var subject: String { "\(name) \(host.contains(":") ? "[\(host)]" : host):\(port)" }

    /// What the first line begins with (RFC 5321 3.1, RFC 3501 7.1, RFC 1939 4).
    var greeting: String {
        switch dialogue {
        case .smtp: "220"
        case .imap: "* OK"
        case .pop3: "+OK"
        case .http: "HTTP/1.1 200"
        }
    }

    /// Asks what is offered; the answer ends with a line for which `endsList` is true.
    var question: String {
        switch dialogue {
        case .smtp: "EHLO doctor.invalid"
        case .imap: "a1 CAPABILITY"
        case .pop3: "CAPA"
        case .http: "GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        }
    }

    func endsList(_ line: String) -> Bool {
        switch dialogue {
        case .smtp: line.dropFirst(3).first != "-"
        case .imap: line.hasPrefix("a1 ")
        case .pop3: line == "." || line.hasPrefix("-ERR")
        case .http: true
        }
    }

    var keyword: String { dialogue == .pop3 ? "STLS" : "STARTTLS" }

    var startTLS: String {
        switch dialogue {
        case .imap: "a2 STARTTLS"
        case .pop3: "STLS"
        case .smtp, .http: "STARTTLS"
        }
    }

    func agrees(_ line: String) -> Bool {
        switch dialogue {
        case .imap: line.hasPrefix("a2 OK")
        case .pop3: line.hasPrefix("+OK")
        case .smtp, .http: line.hasPrefix("220")
        }
    }
}
