package import MailCore
import MailRules
import MessageGrammar
package import Storage

/// Where a copy goes. The rules of the verdict alone, for now; a user's own come here.
package enum FilingRules {
    /// A mail without a verdict goes by the deterministic rules alone, to INBOX unless one of them says otherwise.
    package static func decide(_ copy: FilingCopy) -> FilingDecision {
        let verdict = copy.verdict ?? copy.evidence.flatMap { ruleVerdict($0.summary, beginning: $0.beginning) }
        let prefix = DeliveryPrefix(envelopeFrom: copy.envelopeFrom, address: copy.address, verdict: verdict)
        let folder = folder(verdict: verdict, origin: copy.origin)
        return FilingDecision(
            folder: folder, prefix: prefix.bytes, keyword: folder == .inbox ? verdict?.category?.keyword : nil)
    }

    /// What the rules alone say; `nil` when they say nothing. Model version 0 stands for "no model".
    package static func ruleVerdict(_ summary: [UInt8], beginning: [UInt8]) -> Verdict? {
        // A summary of a later version cannot be read here: then the rules have nothing to go by.
        guard let summary = try? MessageSummary(decoding: summary) else { return nil }
        let broken = MailRules.check(summary, beginning: beginning)
        guard !broken.isEmpty else { return nil }
        return Verdict(
            label: .spam, probability: 1,
            reasons: broken.map { Verdict.Reason(code: $0.rawValue, text: $0.text, weight: ruleWeight) },
            modelVersion: 0)
    }

    /// As in the classifier: a rule outweighs any words.
    private static let ruleWeight = 10.0

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

extension Verdict.Category {
    /// The IMAP keyword of the category (RFC 3501 2.3.2), by which a mail program can group or colour mail.
    package var keyword: String {
        switch self {
        case .personal: "$CategoryPersonal"
        case .transaction: "$CategoryTransaction"
        case .newsletter: "$CategoryNewsletter"
        case .promotion: "$CategoryPromotion"
        case .notification: "$CategoryNotification"
        case .forum: "$CategoryForum"
        }
    }
}
