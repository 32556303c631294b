import Logging
import ServiceKit
import Synchronization
import Testing

@Suite("Reload")
struct ReloadTests {
    /// A file that a test rewrites, and what the reload logs.
    private final class Disk: Sendable {
        let text: Mutex<String>
        let log = Mutex<String>("")

        init(_ text: String) { self.text = Mutex(text) }

        func read() throws(SettingsFileError) -> SettingsFile? {
            try SettingsFile(text.withLock { $0 }, path: "m.yaml")
        }

        func reloader(_ settings: Settings) -> SettingsReloader {
            let logger = Logger(label: "test") { label in
                LineLogHandler(label: label, level: .info, format: .text) { bytes in
                    self.log.withLock { $0 += String(decoding: bytes, as: UTF8.self) }
                }
            }
            return SettingsReloader(settings: settings, logger: logger, readFile: self.read)
        }
    }

    @Test("live values follow, others are told to wait for a restart until they are as they were")
    func follows() throws {
        let disk = Disk("filer: {batch: 100}\nreaper: {delay: 1h}\n")
        let settings = Settings(values: [:], file: try disk.read(), program: "filerd")
        let delay = try settings.live { try $0.duration("reaper.delay") }
        var history = SettingsReloader.History(start: settings)
        let reloader = disk.reloader(settings)
        #expect(delay.value == .seconds(3600))

        disk.text.withLock { $0 = "filer: {batch: 50}\nreaper: {delay: 2h}\n" }
        reloader.reload(&history)
        #expect(delay.value == .seconds(7200))
        #expect(disk.log.withLock { $0 }.contains("msg=\"settings reloaded\" changed=reaper.delay\n"))
        #expect(disk.log.withLock { $0 }.contains("waiting=filer.batch\n"))

        disk.log.withLock { $0 = "" }
        reloader.reload(&history)
        #expect(disk.log.withLock { $0 }.contains("waiting=filer.batch\n"))
        #expect(disk.log.withLock { $0 }.contains("changed=\"\"\n"))

        disk.log.withLock { $0 = "" }
        disk.text.withLock { $0 = "filer: {batch: 100}\n" }
        reloader.reload(&history)
        #expect(delay.value == .seconds(86_400))
        #expect(!disk.log.withLock { $0 }.contains("waiting"))
    }

    @Test(
        "anything wrong leaves everything as it was",
        arguments: [
            "reaper: {delay: 2h}\nhistory: {days: none}\n", "reaper: {delay: 2h}\nhistory: {dayz: 3}\n",
            "reaper: {delay: 2h\n",
        ])
    func refused(_ text: String) throws {
        let disk = Disk("reaper: {delay: 1h}\n")
        let settings = Settings(values: [:], file: try disk.read(), program: "filerd")
        let delay = try settings.live { try $0.duration("reaper.delay") }
        var history = SettingsReloader.History(start: settings)
        disk.text.withLock { $0 = text }
        disk.reloader(settings).reload(&history)
        #expect(delay.value == .seconds(3600))
        #expect(
            disk.log.withLock { $0 }.contains(
                "level=error daemon=test msg=\"settings not reloaded, the old ones stay\""))
        #expect(disk.log.withLock { $0 }.contains("m.yaml:"))
    }

    @Test("one reader that refuses keeps all others from changing")
    func together() throws {
        struct No: Error {}
        let disk = Disk("reaper: {delay: 1h}\n")
        let settings = Settings(values: [:], file: try disk.read(), program: "filerd")
        let delay = try settings.live { try $0.duration("reaper.delay") }
        settings.onReload { _ in throw No() }
        var history = SettingsReloader.History(start: settings)
        disk.text.withLock { $0 = "reaper: {delay: 2h}\n" }
        disk.reloader(settings).reload(&history)
        #expect(delay.value == .seconds(3600))
    }

    @Test("the environment still wins over the file after a reload")
    func environment() throws {
        let disk = Disk("reaper: {delay: 1h}\n")
        let settings = Settings(values: ["MARTLET_REAPER_DELAY": "5h"], file: try disk.read(), program: "filerd")
        let delay = try settings.live { try $0.duration("reaper.delay") }
        var history = SettingsReloader.History(start: settings)
        disk.text.withLock { $0 = "reaper: {delay: 2h}\n" }
        disk.reloader(settings).reload(&history)
        #expect(delay.value == .seconds(18_000))
    }

    @Test("loggers follow the level of the process, unless they have their own")
    func logLevel() {
        let lines = Mutex(0)
        let level = LogLevelSwitch(.info)
        func make() -> Logger {
            Logger(label: "test") { label in
                LineLogHandler(label: label, following: level, format: .text) { _ in lines.withLock { $0 += 1 } }
            }
        }
        let follower = make()
        var own = make()
        own.logLevel = .warning
        follower.debug("no")
        level.set(.debug)
        follower.debug("yes")
        own.debug("no")
        #expect(lines.withLock { $0 } == 1)
    }
}
