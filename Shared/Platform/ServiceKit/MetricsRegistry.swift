import Synchronization

/// Every metric of this process.
package enum MetricsRegistry {
    private enum Cell {
        case number(NumberCell)
        case histogram(HistogramCell)
    }

    private struct Family {
        let help: String
        let kind: MetricKind
        var samples: [[MetricLabel]: Cell] = [:]
    }

    private static let families = Mutex<[String: Family]>([:])

    static func number(_ name: String, help: String, kind: MetricKind, labels: Metric.Labels) -> NumberCell {
        let key = sorted(labels)
        return families.withLock { families in
            var family = families[name] ?? Family(help: help, kind: kind)
            defer { families[name] = family }
            if case .number(let cell) = family.samples[key] { return cell }
            let cell = NumberCell()
            family.samples[key] = .number(cell)
            return cell
        }
    }

    static func histogram(_ name: String, help: String, scale: HistogramScale, labels: Metric.Labels) -> HistogramCell {
        let key = sorted(labels)
        return families.withLock { families in
            var family = families[name] ?? Family(help: help, kind: .histogram)
            defer { families[name] = family }
            if case .histogram(let cell) = family.samples[key] { return cell }
            let cell = HistogramCell(scale: scale)
            family.samples[key] = .histogram(cell)
            return cell
        }
    }

    private static func sorted(_ labels: Metric.Labels) -> [MetricLabel] {
        labels.map { MetricLabel(name: $0.key, value: $0.value) }.sorted { $0.name < $1.name }
    }

    /// The values of now, sorted by name; with the process's own (`process_...`).
    package static func snapshot() -> MetricsSnapshot {
        let own = families.withLock { families in
            families.map { name, family in
                MetricFamily(name: name, help: family.help, kind: family.kind, samples: samples(of: family))
            }
        }
        return MetricsSnapshot(families: (own + ProcessMetrics.read()).sorted { $0.name < $1.name })
    }

    private static func samples(of family: Family) -> [MetricSample] {
        family.samples.map { labels, cell in
            switch cell {
            case .number(let number):
                MetricSample(labels: labels, value: Double(number.value.load(ordering: .relaxed)))
            case .histogram(let histogram):
                MetricSample(labels: labels, histogram: histogram)
            }
        }.sorted { $0.labels.map(\.value).lexicographicallyPrecedes($1.labels.map(\.value)) }
    }
}
