import ServiceKit
import Testing

@Suite("Metrics")
struct MetricsTests {
    private func lines(_ name: String) -> [Substring] {
        MetricsRegistry.snapshot().prometheusText().split(separator: "\n").filter { $0.contains(name) }
    }

    @Test("a counter counts, from several tasks, and two of one name are one")
    func counter() async {
        let counter = Metric.Counter("test_counter_total", help: "Things.", labels: ["kind": "a"])
        let same = Metric.Counter("test_counter_total", help: "Things.", labels: ["kind": "a"])
        let other = Metric.Counter("test_counter_total", help: "Things.", labels: ["kind": "b"])
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { for _ in 0..<1000 { counter.increment() } } }
        }
        same.increment(by: 5)
        other.increment()
        #expect(
            lines("test_counter_total") == [
                "# HELP test_counter_total Things.", "# TYPE test_counter_total counter",
                "test_counter_total{kind=\"a\"} 8005", "test_counter_total{kind=\"b\"} 1",
            ])
    }

    @Test("a gauge goes up and down")
    func gauge() {
        let gauge = Metric.Gauge("test_gauge_connections", help: "Now.")
        gauge.set(5)
        gauge.add(-2)
        #expect(lines("test_gauge_connections").last == "test_gauge_connections 3")
    }

    @Test("a histogram counts ranges cumulatively; odd values are left out")
    func histogram() {
        let histogram = Metric.Histogram("test_histogram_seconds", help: "Time.")
        for seconds in [0.0001, 0.003, 0.003, 1000, -1, Double.nan, .infinity] { histogram.observe(seconds: seconds) }
        let text = lines("test_histogram_seconds")
        #expect(text.contains("test_histogram_seconds_bucket{le=\"0.0005\"} 1"))
        #expect(text.contains("test_histogram_seconds_bucket{le=\"0.005\"} 3"))
        #expect(text.contains("test_histogram_seconds_bucket{le=\"300\"} 3"))
        #expect(text.contains("test_histogram_seconds_bucket{le=\"+Inf\"} 4"))
        #expect(text.contains("test_histogram_seconds_count 4"))
        #expect(text.contains { $0.hasPrefix("test_histogram_seconds_sum 1000.006") })
    }

    @Test("a mark that combines with a quote or a backslash does not hide it")
    func combiningMarks() {
        let text = PrometheusText.render([
            .init(
                labels: [MetricLabel(name: "who", value: "a\"\u{301}b\\\u{301}c\n\u{301}")],
                snapshot: MetricsSnapshot(families: [
                    MetricFamily(
                        name: "up_total", help: "Up.", kind: .counter, samples: [MetricSample(labels: [], value: 1)])
                ]))
        ])
        #expect(text.contains("up_total{who=\"a\\\"\u{301}b\\\\\u{301}c\\n\u{301}\"} 1\n"))
    }

    @Test("label values are escaped; names that are none are left out")
    func escaping() {
        let families = [
            MetricFamily(
                name: "ok_total", help: "a\nb\\c", kind: .counter,
                samples: [
                    MetricSample(
                        labels: [MetricLabel(name: "who", value: "x\"\\\ny"), MetricLabel(name: "0bad", value: "")],
                        value: 2.5)
                ]),
            MetricFamily(name: "bad name\n", help: "", kind: .counter, samples: [MetricSample(labels: [], value: 1)]),
        ]
        #expect(
            MetricsSnapshot(families: families).prometheusText()
                == "# HELP ok_total a\\nb\\\\c\n# TYPE ok_total counter\nok_total{who=\"x\\\"\\\\\\ny\"} 2.5\n")
    }

    @Test("the samples of several processes stand under one heading")
    func merging() {
        let family = MetricFamily(
            name: "up_total", help: "Up.", kind: .counter, samples: [MetricSample(labels: [], value: 1)])
        let part = {
            PrometheusText.Part(
                labels: [MetricLabel(name: "daemon", value: $0)], snapshot: MetricsSnapshot(families: [family]))
        }
        #expect(
            PrometheusText.render([part("smtpd"), part("filerd")])
                == "# HELP up_total Up.\n# TYPE up_total counter\nup_total{daemon=\"smtpd\"} 1\nup_total{daemon=\"filerd\"} 1\n"
        )
    }

    @Test("the process's own numbers are there")
    func process() {
        let snapshot = MetricsRegistry.snapshot()
        #expect((snapshot.value("process_resident_memory_bytes") ?? 0) > 1_000_000)
        #expect((snapshot.value("process_open_fds") ?? 0) >= 3)
        #expect(snapshot.value("process_cpu_seconds_total") != nil)
    }
}
