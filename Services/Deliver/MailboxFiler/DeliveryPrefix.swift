package import MailCore

/// The header fields that one copy has in front of the shared body.
///
/// `Return-Path` first (RFC 5321 4.4: added at final delivery), then `Delivered-To`, then what the classifier said. Only
/// printable ASCII goes in, so nothing from the envelope or the mail can begin a field of its own.
package struct DeliveryPrefix {
    /// RFC 5322 2.1.1: a line SHOULD NOT be longer.
    static let lineLimit = 78
    /// RFC 5322 2.1.1: and MUST NOT be longer; longer words are cut.
    static let wordLimit = 900
    /// At most this many reasons are shown; a verdict has no more.
    static let maximumReasons = 5

    package private(set) var bytes: [UInt8] = []

    package init(envelopeFrom: String, address: String, verdict: Verdict?) {
        bytes.reserveCapacity(256)
        add("Return-Path", ["<\(envelopeFrom)>"])
        add("Delivered-To", [address])
        guard let verdict else {
            // Seen by nobody: how a reader tells "no classifier in time" from "an old server".
            add("X-Martlet-Verdict", ["none"])
            return
        }
        add("X-Martlet-Verdict", verdictWords(verdict))
        for reason in verdict.reasons.prefix(Self.maximumReasons) {
            add("X-Martlet-Reason", ["\(reason.code);", "w=\(decimal(reason.weight, 2));"] + words(reason.text))
        }
    }

    private func verdictWords(_ verdict: Verdict) -> [String] {
        ["\(verdict.label.rawValue);", "p=\(decimal(verdict.probability, 4));", "model=\(verdict.modelVersion)"]
    }

    private func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }

    /// Folded before words that would cross the limit (RFC 5322 2.2.3).
    private mutating func add(_ name: String, _ words: [String]) {
        bytes.append(contentsOf: name.utf8)
        bytes.append(UInt8(ascii: ":"))
        var column = name.utf8.count + 1
        for word in words {
            let clean = word.utf8.prefix(Self.wordLimit).map { (0x21...0x7E).contains($0) ? $0 : UInt8(ascii: "?") }
            guard !clean.isEmpty else { continue }
            if column > name.utf8.count + 1, column + 1 + clean.count > Self.lineLimit {
                bytes.append(contentsOf: [0x0D, 0x0A])
                column = 0
            }
            bytes.append(UInt8(ascii: " "))
            bytes.append(contentsOf: clean)
            column += 1 + clean.count
        }
        bytes.append(contentsOf: [0x0D, 0x0A])
    }
}

/// A number with a fixed count of decimals; what is not a number is 0.
func decimal(_ value: Double, _ places: Int) -> String {
    guard value.isFinite else { return "0" }
    var scale = 1.0
    for _ in 0..<places { scale *= 10 }
    let scaled = (max(-1e9, min(1e9, value)) * scale).rounded()
    let whole = Int64(abs(scaled))
    let digits = String(whole % Int64(scale))
    let sign = scaled < 0 ? "-" : ""
    return "\(sign)\(whole / Int64(scale)).\(String(repeating: "0", count: places - digits.utf8.count))\(digits)"
}
