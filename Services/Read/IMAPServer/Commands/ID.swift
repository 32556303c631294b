import IMAPGrammar

extension IMAPSession {
    /// RFC 2971. No version: it would only help who looks for holes.
    func id() -> Completion {
        out.id([("name", "Martlet")])
        return .ok("ID completed")
    }
}
