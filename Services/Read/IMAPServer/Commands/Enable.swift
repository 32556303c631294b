import IMAPGrammar

extension IMAPSession {
    /// RFC 5161 3.1: unknown names are ignored, and there is nothing to enable yet.
    func enable() -> Completion {
        out.enabled([])
        return .ok("ENABLE completed")
    }
}
