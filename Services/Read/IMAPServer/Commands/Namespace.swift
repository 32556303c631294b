import IMAPGrammar

extension IMAPSession {
    /// RFC 2342
    func namespace() -> Completion {
        out.namespace()
        return .ok("NAMESPACE completed")
    }
}
