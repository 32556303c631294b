import Synchronization

/// What a daemon measures. Always on and cheap: an update is one relaxed atomic addition.
///
/// Names are `mail_<service>_<what>_<unit>`; labels come from closed sets, never from input. Declared beside their use as
/// `static let`; two with the same name and labels share one value.
package enum Metric {
    package typealias Labels = KeyValuePairs<String, String>

    /// A count that only grows.
    package final class Counter: Sendable {
        private let cell: NumberCell

        package init(_ name: String, help: String, labels: Labels = [:]) {
            cell = MetricsRegistry.number(name, help: help, kind: .counter, labels: labels)
        }

        package func increment(by amount: Int = 1) {
            cell.value.add(Int64(amount), ordering: .relaxed)
        }

        package var value: Int64 { cell.value.load(ordering: .relaxed) }
    }

    /// A value that goes up and down.
    package final class Gauge: Sendable {
        private let cell: NumberCell

        package init(_ name: String, help: String, labels: Labels = [:]) {
            cell = MetricsRegistry.number(name, help: help, kind: .gauge, labels: labels)
        }

        package func set(_ value: Int) { cell.value.store(Int64(value), ordering: .relaxed) }
        package func add(_ amount: Int) { cell.value.add(Int64(amount), ordering: .relaxed) }
        package var value: Int64 { cell.value.load(ordering: .relaxed) }
    }

    /// How often a value fell into which of a fixed set of ranges.
    package final class Histogram: Sendable {
        private let cell: HistogramCell

        package init(_ name: String, help: String, scale: HistogramScale = .seconds, labels: Labels = [:]) {
            cell = MetricsRegistry.histogram(name, help: help, scale: scale, labels: labels)
        }

        package func observe(seconds: Double) { cell.observe(seconds) }
        package func observe(_ duration: Duration) { cell.observe(duration.inSeconds) }
        package func observe(bytes: Int) { cell.observe(Double(bytes)) }
        package func observe(count: Int) { cell.observe(Double(count)) }
    }
}

/// The ranges of a histogram, roughly equal steps of a logarithm.
package enum HistogramScale: String, Sendable, Codable {
    case seconds, bytes, count

    package var bounds: [Double] {
        switch self {
        case .seconds:
            [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
        case .bytes:
            [1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864]
        case .count:
            [1, 2, 4, 8, 16, 32, 64, 128, 256]
        }
    }

    /// Sums are kept as whole numbers of this unit: microseconds, bytes, things.
    var resolution: Double { self == .seconds ? 1_000_000 : 1 }
}

final class NumberCell: Sendable {
    let value = Atomic<Int64>(0)
}

final class HistogramCell: Sendable {
    static let maximumBuckets = 20
    let scale: HistogramScale
    let bounds: [Double]
    private let buckets: InlineArray<20, Atomic<UInt64>>
    private let sum = Atomic<UInt64>(0)

    init(scale: HistogramScale) {
        self.scale = scale
        self.bounds = scale.bounds
        self.buckets = InlineArray { _ in Atomic<UInt64>(0) }
    }

    func observe(_ value: Double) {
        guard value.isFinite, value >= 0 else { return }
        var index = 0
        while index < bounds.count, value > bounds[index] { index += 1 }
        buckets[min(index, Self.maximumBuckets - 1)].add(1, ordering: .relaxed)
        sum.add(UInt64(min(value * scale.resolution, 1e15)), ordering: .relaxed)
    }

    /// The count in each range (not cumulated; one more than there are bounds) and the sum of all values.
    func read() -> (counts: [UInt64], sum: Double) {
        let counts = (0...bounds.count).map { buckets[min($0, Self.maximumBuckets - 1)].load(ordering: .relaxed) }
        return (counts, Double(sum.load(ordering: .relaxed)) / scale.resolution)
    }
}
