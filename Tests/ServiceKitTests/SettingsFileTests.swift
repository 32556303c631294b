import ServiceKit
import Testing

@Suite("Settings file")
struct SettingsFileTests {
    private func problems(_ text: String) -> [String] {
        do {
            _ = try SettingsFile(text, path: "m.yaml")
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test("environment, then the program's section, then the file, then the declared default")
    func order() throws {
        let file = try SettingsFile(
            """
            smtp:
              mx_port: 2525
              threads: 4
              host: [127.0.0.1, "::1"]
            postgres:
              connections: 11
            smtpd:
              postgres:
                connections: 12
              log:
                level: debug
            """)
        let smtpd = Settings(values: ["MARTLET_SMTP_MX_PORT": "3025"], file: file, program: "smtpd")
        #expect(try smtpd.port("smtp.mx_port") == 3025)
        #expect(try smtpd.int("smtp.threads") == 4)
        #expect(try smtpd.list("smtp.host") == ["127.0.0.1", "::1"])
        #expect(try smtpd.int("postgres.connections") == 12)
        #expect(try smtpd.choice("log.level") == "debug")
        #expect(try smtpd.duration("smtp.idle_timeout") == .seconds(300))
        let filerd = Settings(values: [:], file: file, program: "filerd")
        #expect(try filerd.int("postgres.connections") == 11)
        #expect(try filerd.choice("log.level") == "info")
    }

    @Test("without a file each program has its own default")
    func fallbacks() throws {
        #expect(try Settings(values: [:], program: "smtpd").int("postgres.connections") == 6)
        #expect(try Settings(values: [:], program: "accessd").int("postgres.connections") == 8)
        #expect(try Settings(values: [:], program: "filerd").int("smtp.max_size") == 67_108_864)
    }

    @Test("an empty variable does not hide the file; a file of the environment wins over it")
    func emptyVariable() throws {
        let file = try SettingsFile("smtp: {hostname: mail.example.org}")
        #expect(
            try Settings(values: ["MARTLET_SMTP_HOSTNAME": ""], file: file).text("smtp.hostname") == "mail.example.org")
        let settings = Settings(values: ["MARTLET_SMTP_HOSTNAME_FILE": "/proc/self/comm"], file: file)
        #expect(try settings.text("smtp.hostname") != "mail.example.org")
    }

    @Test("a key with _file names a file that holds the value")
    func valueFromFile() throws {
        let settings = Settings(
            values: [:], file: try SettingsFile("postgres:\n  url_file: /nonexistent/secret\n", path: "m.yaml"))
        let error = #expect(throws: SettingsError.self) { try settings.required("postgres.url") }
        #expect(error?.description.hasPrefix("m.yaml:2: postgres.url_file names a file that cannot be read") == true)
    }

    @Test(
        "an unknown key is refused with its line, and the one that was meant is named",
        arguments: [
            ("smtp:\n  mx_prot: 25\n", "m.yaml:2: smtp.mx_prot is no setting", "did you mean smtp.mx_port?"),
            ("\n\nstmp:\n  host: a\n", "m.yaml:3: stmp is no setting", "config keys"),
            ("hostname: a\n", "m.yaml:1: hostname is no setting", "did you mean smtp.hostname?"),
            ("smtpd:\n  imap:\n    port: 1\n", "m.yaml:2: imap is no setting", "config keys"),
            ("smtpd:\n  postgres:\n    url: a\n    urls: b\n", "m.yaml:4: postgres.urls", "did you mean postgres.url?"),
            ("smtp.mx_port: 25\nsmtp:\n  max_sizes: 1\n", "m.yaml:3: smtp.max_sizes", "did you mean smtp.max_size?"),
            ("smtp: 25\n", "m.yaml:1: smtp is no setting", ""),
            ("smtp:\n  mx_port:\n    a: 1\n", "m.yaml:2: smtp.mx_port has settings below it", "a value"),
            ("smtp:\n  host: [[a]]\n", "m.yaml:2: smtp.host is a list with more", ""),
            ("smtpd: 1\n", "m.yaml:1: smtpd is a section", ""),
            ("- a\n", "m.yaml:1: is no mapping", ""),
            ("smtp: [\n", "m.yaml:2: is no YAML", ""),
        ])
    func refused(_ text: String, _ beginning: String, _ hint: String) {
        let found = problems(text)
        #expect(
            found.contains { $0.hasPrefix(beginning) && $0.contains(hint) || hint.isEmpty && $0.hasPrefix(beginning) })
        #expect(!found.isEmpty, "\(found)")
    }

    @Test("all problems are told, not only the first")
    func all() {
        #expect(problems("a: 1\nb: 2\nsmtp:\n  c: 3\n").count == 3)
    }

    @Test("dotted keys at the top are taken as they are")
    func dotted() throws {
        let settings = Settings(values: [:], file: try SettingsFile("smtp.mx_port: 26\n"))
        #expect(try settings.port("smtp.mx_port") == 26)
    }

    @Test(
        "groups whose lines are all comments are no mistake", arguments: ["smtp:\n", "smtpd:\n  log:\n", "", "# a\n"])
    func emptyGroups(_ text: String) { #expect(problems(text) == []) }

    @Test("a wrong value names the line; a secret one does not show itself")
    func values() throws {
        let file = try SettingsFile(
            "smtp:\n  mx_port: 70000\n  idle_timeout: soon\n  max_size: 1 KiB\nlog:\n  level: loud\n", path: "m.yaml")
        let found = Settings(values: ["MARTLET_SMTP_THREADS": "0"], file: file, program: "smtpd").problems()
        #expect(
            found.map(\.description) == [
                "m.yaml:2: smtp.mx_port is 70000, out of range; expected a whole number from 0 to 65535",
                "m.yaml:4: smtp.max_size is 1 KiB, out of range; expected a size from 64 KiB to 1 GiB",
                "m.yaml:3: smtp.idle_timeout is 'soon', not a duration; "
                    + "expected a number with a unit: 250ms, 30s, 5min, 24h or 30d",
                "MARTLET_SMTP_THREADS is 0, out of range; expected a whole number from 1 to 64",
                "m.yaml:6: log.level is 'loud'; expected one of trace, debug, info, notice, warning, error, critical",
            ])
    }

    @Test("variables that mean nothing are noticed")
    func strangers() {
        let names = [
            "PATH", "MARTLET_SMTP_MX_PROT", "MARTLET_SMTP_MX_PORT", "MARTLET_POSTGRES_URL_FILE", "MARTLET_CONFIG",
            "MARTLET_TEST_DATA",
        ]
        #expect(KnownVariables.strangers(in: names) == ["MARTLET_SMTP_MX_PROT"])
        #expect(KnownVariables.nearest(to: "MARTLET_SMTP_MX_PROT") == "MARTLET_SMTP_MX_PORT")
    }

    @Test("sizes", arguments: [("65536", 65_536), ("64 KiB", 65_536), ("1GiB", 1_073_741_824), ("7 B", 7)])
    func sizes(_ text: String, _ size: Int) throws {
        #expect(ByteText.parse(text) == size)
        #expect(ByteText.parse(ByteText.format(size)) == size)
    }

    @Test("what is no size", arguments: ["", "64 MB", "-1", "1.5 MiB", "9223372036854775807 KiB", "MiB"])
    func noSizes(_ text: String) { #expect(ByteText.parse(text) == nil) }
}
