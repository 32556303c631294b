import MailCore
import ServiceKit
import Testing

@Suite("Settings")
struct SettingsTests {
    @Test("reads values by dotted key or by variable name")
    func values() throws {
        let settings = Settings(values: ["smtp.mx_port": "2525", "MARTLET_WATCH_HOST": "::1", "list": " a, b ,,c"])
        #expect(try settings.int("smtp.mx_port", default: 25, in: 1...65_535) == 2525)
        #expect(settings.string("watch.host", default: "127.0.0.1") == "::1")
        #expect(settings.string("watch.port", default: "8025") == "8025")
        #expect(try settings.list("list", default: []) == ["a", "b", "c"])
        #expect(try settings.list("other", default: ["x"]) == ["x"])
    }

    @Test("a wrong value names the variable, what is wrong and what is expected")
    func errors() throws {
        let settings = Settings(values: ["smtp.mx_port": "70000", "a": "twelve", "b": "5 parsecs", "c": "perhaps"])
        func text(_ body: () throws -> Any) -> String {
            do { return "\(try body())" } catch { return "\(error)" }
        }
        #expect(
            text { try settings.port("smtp.mx_port", default: 25) }
                == "MARTLET_SMTP_MX_PORT is 70000, out of range; expected a whole number from 0 to 65535")
        #expect(
            text { try settings.int("a", default: 1) }
                == "MARTLET_A is 'twelve', not a whole number; expected a whole number of at least 0")
        #expect(
            text { try settings.duration("b", default: .zero) }.hasPrefix("MARTLET_B is '5 parsecs', not a duration"))
        #expect(text { try settings.bool("c", default: true) } == "MARTLET_C is 'perhaps'; expected yes or no")
        #expect(text { try settings.required("postgres.url") } == "MARTLET_POSTGRES_URL is not set; expected a value")
        #expect(
            text { try settings.choice("c", default: LineLogHandler.Format.json) }
                == "MARTLET_C is 'perhaps'; expected one of text, json")
    }

    @Test("an empty value is no value")
    func empty() throws {
        let settings = Settings(values: ["a": ""])
        #expect(try settings.int("a", default: 7) == 7)
        #expect(!settings.has("a"))
        #expect(throws: SettingsError.self) { try settings.required("a") }
    }

    @Test("a secret prints as nothing; a file can hold it")
    func secrets() throws {
        let settings = Settings(values: [
            "key": "hunter2", "other_file": "/proc/self/comm", "lost_file": "/nonexistent",
        ])
        let secret = try #require(try settings.secret("key"))
        #expect("\(secret)" == "<secret>")
        #expect(secret.reveal() == "hunter2")
        #expect(try settings.required("other").isEmpty == false)
        #expect(throws: SettingsError.self) { try settings.required("lost") }
    }

    @Test(
        "durations",
        arguments: [
            ("250ms", Duration.milliseconds(250)), ("30s", .seconds(30)), ("5min", .seconds(300)),
            ("5m", .seconds(300)),
            ("24h", .seconds(86_400)), ("30d", .seconds(2_592_000)), ("0", .zero), ("2 s", .seconds(2)),
        ])
    func durations(_ text: String, _ expected: Duration) {
        #expect(DurationText.parse(text) == expected)
        #expect(DurationText.parse(DurationText.format(expected)) == expected)
    }

    @Test(
        "what is no duration",
        arguments: ["", "5", "-5s", "1.5s", "s", "9223372036854775807d", "99999999d", "५s", "5S"])
    func noDurations(_ text: String) { #expect(DurationText.parse(text) == nil) }

    @Test("help lists every setting with its variable")
    func help() {
        let text = Daemon.helpText("filerd", description: "files mail", help: "More.")
        #expect(text.contains("MARTLET_FILER_BATCH"))
        #expect(text.contains("number = 256") && text.contains("More.") && text.contains("MARTLET_CONFIG"))
        #expect(text.contains("MARTLET_POSTGRES_URL"))
        #expect(text.contains("MARTLET_LOG_LEVEL"))
    }
}
