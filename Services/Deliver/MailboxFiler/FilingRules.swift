package import MailCore
package import Storage

/// Where a copy goes. The rules of the verdict alone, for now; a user's own come here.
package enum FilingRules {
    /// Without a verdict only deterministic rules count, and there is none that says Junk: INBOX, where it is seen.
    package static func decide(_ copy: FilingCopy) -> FilingDecision {
        FilingDecision(folder: folder(verdict: copy.verdict, origin: copy.origin), prefix: DeliveryPrefix(copy).bytes)
    }

    package static func folder(verdict: Verdict?, origin: MailOrigin?) -> FilingDecision.Folder {
        switch origin {
        case .dsn, .append:
            // Our own notices; what says that a mail was lost must be seen.
            .inbox
        case .mx, .submission, .forward, nil:
            verdict?.isJunk == true ? .junk : .inbox
        }
    }
}
