import MailCore
import MailRules

/// A rule's reason has no share of the log-odds; it stands first with this weight.
enum RuleReason {
    static let weight = 10.0
    static let probability = 0.999
}

/// Gathers the exact additive shares of a verdict by reason, and puts the strongest five into words.
struct Explanation {
    static let maximumReasons = 5
    /// Weaker reasons than this are not worth a line.
    static let minimumWeight = 0.02

    let towardsSpam: Bool
    private var shares = [Double](repeating: 0, count: ReasonCode.allCases.count)
    private var rules: [MailRule] = []
    private var named: [Named] = []
    private var features: [(code: ReasonCode, feature: StructureFeature, share: Double)] = []

    private struct Named {
        var hash: UInt32
        var code: ReasonCode
        var text: String
        var share: Double
    }

    init(towardsSpam: Bool) { self.towardsSpam = towardsSpam }

    mutating func add(_ broken: [MailRule]) { rules += broken }

    mutating func add(_ code: ReasonCode, _ share: Double, _ feature: StructureFeature? = nil) {
        shares[Self.index[code] ?? 0] += share
        if let feature, (share > 0) == towardsSpam { features.append((code, feature, share)) }
    }

    /// Keeps the few strongest words of each field.
    mutating func name(_ word: WordList.Word, _ share: Double, _ source: [UInt8]) {
        let code = word.field.reason
        if let known = named.firstIndex(where: { $0.hash == word.hash && $0.code == code }) {
            named[known].share += share
            return
        }
        let rivals = named.indices.filter { named[$0].code == code }
        let weakest = rivals.count < 6 ? nil : rivals.min { abs(named[$0].share) < abs(named[$1].share) }
        if let weakest, abs(named[weakest].share) >= abs(share) { return }
        let text = Self.text(word, source)
        guard !text.isEmpty else { return }
        let entry = Named(hash: word.hash, code: code, text: text, share: share)
        if let weakest { named[weakest] = entry } else { named.append(entry) }
    }

    /// Empty for what would tell a person nothing: numbers, and words that every mail has.
    private static func text(_ word: WordList.Word, _ source: [UInt8]) -> String {
        let end = min(source.count, word.start + min(word.length, 24))
        guard word.start < end else { return "" }
        let text = String(decoding: source[word.start..<end], as: UTF8.self).filter {
            $0.isLetter || $0.isNumber || $0 == "'"
        }
        return common.contains(text) || !text.contains(where: \.isLetter) ? "" : text
    }

    private static let common: Set<String> = [
        "this", "that", "with", "from", "have", "your", "will", "been", "here", "more", "than", "them", "they", "their",
        "there", "what", "when", "which", "would", "about", "into", "only", "some", "such", "very", "were", "also",
        "just",
        "http", "https", "html",
    ]

    // MARK: - Words for a person

    func reasons(mismatch: (shown: String, real: String)?) -> [Verdict.Reason] {
        var reasons = rules.map {
            Verdict.Reason(code: $0.rawValue, text: $0.text, weight: RuleReason.weight)
        }
        let strongest = ReasonCode.allCases.map { ($0, shares[Self.index[$0] ?? 0]) }
            .filter { ($0.1 > 0) == towardsSpam && abs($0.1) >= Self.minimumWeight }
            .sorted { abs($0.1) > abs($1.1) }
        for (code, share) in strongest.prefix(Self.maximumReasons - min(reasons.count, Self.maximumReasons)) {
            let rounded = (share * 1000).rounded() / 1000
            reasons.append(Verdict.Reason(code: code.rawValue, text: text(code, mismatch), weight: rounded))
        }
        return Array(reasons.prefix(Self.maximumReasons))
    }

    private func text(_ code: ReasonCode, _ mismatch: (shown: String, real: String)?) -> String {
        let like = towardsSpam ? "unwanted" : "wanted"
        switch code {
        case .wordsSubject: return "Subject has words of \(like) mail" + words(code)
        case .wordsSender: return "Sender's name and address have words of \(like) mail" + words(code)
        case .wordsBody: return "Text has words of \(like) mail" + words(code)
        case .wordsLinks: return "Links lead to addresses like those in \(like) mail" + words(code)
        case .headerPattern: return "Sender, subject and mail program are written as in \(like) mail"
        case .textPattern: return "Letter patterns of the text are as in \(like) mail"
        case .linkMismatch:
            guard let mismatch, towardsSpam else { return "Links show where they lead" }
            return "A link shows \(mismatch.shown) but leads to \(mismatch.real)"
        default:
            let phrases = features.filter { $0.code == code }.sorted { abs($0.share) > abs($1.share) }
            let said = phrases.compactMap { $0.feature.phrase }.prefix(2).joined(separator: ", ")
            return said.isEmpty ? "It is built as \(like) mail" : "\(code.opening): \(said)"
        }
    }

    private func words(_ code: ReasonCode) -> String {
        let found = named.filter { $0.code == code }.sorted { abs($0.share) > abs($1.share) }.prefix(3)
        return found.isEmpty ? "" : ": " + found.map { "\"\($0.text)\"" }.joined(separator: ", ")
    }

    private static let index = Dictionary(uniqueKeysWithValues: ReasonCode.allCases.enumerated().map { ($1, $0) })
}

extension ReasonCode {
    fileprivate var opening: String {
        switch self {
        case .linkHost: "Unusual link"
        case .linkForm: "Asks for input in the mail itself"
        case .hiddenText: "Text hidden from the reader"
        case .disguise: "Disguised writing"
        case .attachment: "Attachment"
        case .senderIdentity: "Sender"
        case .topic: "It is about"
        default: "Construction"
        }
    }
}
