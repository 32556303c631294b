import IMAPGrammar

/// The tagged answer of a command.
struct Completion {
    var condition: IMAPResponseWriter.Condition
    var code: IMAPResponseCode?
    var text: String

    static func ok(_ text: String, code: IMAPResponseCode? = nil) -> Completion {
        Completion(condition: .ok, code: code, text: text)
    }

    static func no(_ text: String, code: IMAPResponseCode? = nil) -> Completion {
        Completion(condition: .no, code: code, text: text)
    }

    static func bad(_ text: String, code: IMAPResponseCode? = nil) -> Completion {
        Completion(condition: .bad, code: code, text: text)
    }

    static let badSet = bad("A message number is out of range")
}

/// Ends a session from inside a command.
enum SessionEnd: Error {
    case bye(String, IMAPReason)
    /// A literal was promised and its bytes cannot be had: only closing keeps the client from reading nonsense.
    case brokenPromise
}
