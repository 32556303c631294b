package enum MetricKind: String, Sendable, Codable { case counter, gauge, histogram }

package struct MetricLabel: Sendable, Codable, Hashable {
    package let name: String
    package let value: String

    package init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// One value: a number, or the ranges of a histogram (`counts` has one entry more than `bounds`).
package struct MetricSample: Sendable, Codable, Hashable {
    package let labels: [MetricLabel]
    package let value: Double
    package let bounds: [Double]?
    package let counts: [UInt64]?

    package init(labels: [MetricLabel], value: Double) {
        self.labels = labels
        self.value = value
        self.bounds = nil
        self.counts = nil
    }

    init(labels: [MetricLabel], histogram: HistogramCell) {
        let (counts, sum) = histogram.read()
        self.labels = labels
        self.value = sum
        self.bounds = histogram.bounds
        self.counts = counts
    }
}

package struct MetricFamily: Sendable, Codable, Hashable {
    package let name: String
    package let help: String
    package let kind: MetricKind
    package let samples: [MetricSample]

    package init(name: String, help: String, kind: MetricKind, samples: [MetricSample]) {
        self.name = name
        self.help = help
        self.kind = kind
        self.samples = samples
    }
}

/// The metrics of one process at one moment; travels in a daemon's report.
package struct MetricsSnapshot: Sendable, Codable, Hashable {
    package let families: [MetricFamily]

    package init(families: [MetricFamily]) { self.families = families }

    /// The value of a number sample; `nil` if there is none.
    package func value(_ name: String, _ labels: [MetricLabel] = []) -> Double? {
        families.first { $0.name == name }?.samples.first { $0.labels == labels }?.value
    }

    package func prometheusText(labels: [MetricLabel] = []) -> String {
        PrometheusText.render([PrometheusText.Part(labels: labels, snapshot: self)])
    }
}
