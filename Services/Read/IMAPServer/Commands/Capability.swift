import IMAPGrammar
import LineServer

extension IMAPSession {
    /// RFC 3501 6.1.1. LOGINDISABLED and no AUTH= before TLS (RFC 3501 6.2.3).
    func capabilities(_ connection: isolated LineConnection) -> [String] {
        let always = ["IMAP4rev1", "LITERAL+", "SASL-IR", "ID", "ENABLE", "IDLE"]
        guard machine.phase == .notAuthenticated else {
            return always + [
                "NAMESPACE", "UIDPLUS", "UNSELECT", "MOVE", "CHILDREN", "SPECIAL-USE", "CREATE-SPECIAL-USE",
                "LIST-EXTENDED", "LIST-STATUS", "STATUS=SIZE", "ESEARCH", "WITHIN",
            ]
        }
        if connection.isSecure { return always + ["AUTH=PLAIN"] }
        return always + (connection.listener.tls == .startTLS ? ["STARTTLS"] : []) + ["LOGINDISABLED"]
    }

    func capability(_ connection: isolated LineConnection) -> Completion {
        out.capability(capabilities(connection))
        return .ok("CAPABILITY completed")
    }
}
