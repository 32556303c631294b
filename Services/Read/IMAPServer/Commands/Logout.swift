import IMAPGrammar

extension IMAPSession {
    /// RFC 3501 6.1.3
    func logout() -> Completion {
        out.untagged(.bye, "Logging out")
        machine.loggedOut()
        return .ok("LOGOUT completed")
    }
}
