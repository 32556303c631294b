/// The stages that unfinished work can be in. Raw values are stored in `work.stage`.
package enum Stage: Int16, Sendable, Codable, CaseIterable, CustomStringConvertible {
    /// Waiting for a verdict; one row per mail (recipient 0).
    case classify = 1
    /// Waiting to be filed into a mailbox; one row per local copy.
    case file = 2
    /// Waiting to leave for another host; one row per foreign copy.
    case relay = 3
    /// Filed without a verdict; the verdict is still owed (recipient 0).
    case late = 4
    /// A late verdict that filerd has yet to apply to the filed copies (recipient 0).
    case relabel = 5

    package var description: String {
        switch self {
        case .classify: "classify"
        case .file: "file"
        case .relay: "relay"
        case .late: "late"
        case .relabel: "relabel"
        }
    }
}
