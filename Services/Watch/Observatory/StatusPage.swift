import MailQueue

/// `/status`: a small page for a person. No script, no style, every text escaped.
package enum StatusPage {
    package static func html(_ health: Health, _ entries: [ReportBoard.Entry]) -> String {
        var rows = ""
        for entry in entries {
            let report = entry.report
            let state = report.ready ? "ready" : report.reasons.joined(separator: ", ")
            let cells = [
                report.daemon, report.instance, state, "\(report.rss / 1_048_576) MiB", report.startedAt,
                report.release,
            ]
            rows += "<tr>" + cells.map { "<td>\(escaped($0))</td>" }.joined() + "</tr>\n"
        }
        let reasons = health.reasons.map { "<li>\(escaped($0))</li>\n" }.joined()
        let degraded =
            health.degraded.isEmpty
            ? "" : "<p>Passed over for now: \(escaped(health.degraded.joined(separator: ", ")))</p>"
        return """
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><title>Martlet</title></head><body>
            <h1>Martlet is \(health.isReady ? "ready" : "not ready")</h1>
            <ul>
            \(reasons)</ul>
            \(degraded)
            <table>
            <tr><th>Daemon</th><th>Instance</th><th>State</th><th>Memory</th><th>Started</th><th>Version</th></tr>
            \(rows)</table>
            <ul>
            <li><a href="/health/ready">/health/ready</a>: 200 when a mail can pass all stages</li>
            <li><a href="/health/live">/health/live</a>: 200 while this page can be served</li>
            <li><a href="/metrics">/metrics</a>: for Prometheus, all daemons</li>
            </ul>
            </body></html>

            """
    }

    private static func escaped(_ text: String) -> String {
        text.unicodeScalars.map { scalar in
            switch scalar {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            case "\"": "&quot;"
            case "'": "&#39;"
            default: scalar.value < 32 ? " " : String(scalar)
            }
        }.joined()
    }
}
