/// The text exposition format of Prometheus, version 0.0.4.
package enum PrometheusText {
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// One process's metrics, and the labels that tell it from the others.
    package struct Part: Sendable {
        package let labels: [MetricLabel]
        package let snapshot: MetricsSnapshot

        package init(labels: [MetricLabel], snapshot: MetricsSnapshot) {
            self.labels = labels
            self.snapshot = snapshot
        }
    }

    /// All parts as one document: the samples of a family stand together under one HELP and TYPE, as the format demands.
    package static func render(_ parts: [Part]) -> String {
        var order: [String] = []
        var groups: [String: [(labels: [MetricLabel], family: MetricFamily)]] = [:]
        for part in parts {
            for family in part.snapshot.families where isName(family.name) {
                if groups[family.name] == nil { order.append(family.name) }
                groups[family.name, default: []].append((part.labels, family))
            }
        }
        var text = ""
        for name in order.sorted() {
            guard let group = groups[name], let first = group.first?.family else { continue }
            text += "# HELP \(name) \(escapedHelp(first.help))\n# TYPE \(name) \(first.kind.rawValue)\n"
            // Versions may differ between processes; a family keeps the kind of its first.
            for (labels, family) in group where family.kind == first.kind {
                for sample in family.samples { append(name, labels + sample.labels, sample, to: &text) }
            }
        }
        return text
    }

    private static func append(_ name: String, _ labels: [MetricLabel], _ sample: MetricSample, to text: inout String) {
        guard let bounds = sample.bounds, let counts = sample.counts else {
            text += "\(name)\(block(labels)) \(number(sample.value))\n"
            return
        }
        var total: UInt64 = 0
        for (index, count) in counts.enumerated() {
            total &+= count
            let bound = index < bounds.count ? number(bounds[index]) : "+Inf"
            text += "\(name)_bucket\(block(labels + [MetricLabel(name: "le", value: bound)])) \(total)\n"
        }
        text += "\(name)_sum\(block(labels)) \(number(sample.value))\n\(name)_count\(block(labels)) \(total)\n"
    }

    private static func block(_ labels: [MetricLabel]) -> String {
        let shown = labels.filter { isName($0.name) }.map { "\($0.name)=\"\(escapedLabel($0.value))\"" }
        return shown.isEmpty ? "" : "{\(shown.joined(separator: ","))}"
    }

    private static func number(_ value: Double) -> String {
        if let whole = Int64(exactly: value) { return String(whole) }
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return "\(value)"
    }

    /// Label values: backslash, quote and line feed are escaped.
    private static func escapedLabel(_ text: String) -> String { escaped(text, quote: "\\\"") }

    private static func escapedHelp(_ text: String) -> String { escaped(text, quote: "\"") }

    /// By scalar: a quote and the mark that combines with it are one `Character`.
    private static func escaped(_ text: String, quote: String) -> String {
        text.unicodeScalars.map { scalar in
            switch scalar {
            case "\\": "\\\\"
            case "\"": quote
            case _ where Character(scalar).isNewline: "\\n"
            default: String(scalar)
            }
        }.joined()
    }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`; what another process sends is not believed to be one.
    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x41...0x5A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F
        }
    }
}
