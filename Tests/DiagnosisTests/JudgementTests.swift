import DNSResolver
import Diagnosis
import MailCore
import QueueContracts
import Storage
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// From a fact to what is said about it.
@Suite struct JudgementTests {
    private let day: Int64 = 86_400

    @Test(arguments: [
        ("mail.example.org", true), ("MAIL.example.org", true), ("www.example.net", true), ("example.net", false),
        ("a.b.example.net", false), ("example.org", false), ("", false),
    ])
    func aCertificateIsForItsNames(_ host: String, _ isFor: Bool) {
        let facts = CertificateFacts(names: ["mail.example.org", "*.example.net"], notBefore: 0, notAfter: 1)
        #expect(facts.isFor(host) == isFor)
    }

    private static let expiries: [(Int64, Finding.State)] = [
        (-1, .problem), (0, .warning), (13, .warning), (14, .ok), (800, .ok),
    ]

    @Test(arguments: expiries)
    func aCertificateIsToldBeforeItExpires(_ days: Int64, _ state: Finding.State) {
        let facts = CertificateFacts(names: ["a.test"], notBefore: 0, notAfter: (1000 + days) * day)
        #expect(facts.judge("x", host: "a.test", at: 1000 * day).state == state)
        #expect(facts.judge("x", host: "b.test", at: 1000 * day).state == .problem)
        #expect(facts.judge("x", host: nil, at: -1).state == .problem)
    }

    private static let disks: [(free: Int, total: Int, files: Double, state: Finding.State)] = [
        (100 << 20, 1 << 40, 0.5, .problem), (1 << 30, 10 << 30, 0.5, .warning), (50 << 30, 100 << 30, 0.5, .ok),
        (50 << 30, 100 << 30, 0.001, .problem), (15 << 30, 1 << 40, 0.5, .problem), (50 << 30, 1 << 40, 0.5, .warning),
    ]

    @Test(arguments: disks)
    func aDiskIsToldBeforeItIsFull(_ free: Int, _ total: Int, _ files: Double, _ state: Finding.State) {
        let finding = MachineCheck.disk("/x", free: UInt64(free), total: UInt64(total), freeFiles: files)
        #expect(finding.state == state)
        #expect(state == .ok || finding.advice != nil)
    }

    @Test func eachFileSystemIsLookedAtOnce() {
        #expect(MachineCheck.disks(["/", "/etc", "/", "/absent"]).map(\.subject) == ["/"])
    }

    @Test func aDatabaseWithAnotherTimeIsTold() {
        let here = Timestamp(seconds: 1_800_000_000)
        func clock(_ offset: Int64) -> [Finding] {
            MachineCheck.clock(
                database: (Timestamp(seconds: 1_800_000_000 + offset), .milliseconds(5)), here: here
            ).filter { $0.subject == "database" }
        }
        #expect(clock(1).isEmpty && clock(-1).isEmpty)
        #expect(clock(30).map(\.found) == ["its clock is 30 s ahead"])
        #expect(clock(-30).map(\.found) == ["its clock is 30 s behind"])
    }

    @Test func aQueueWithoutReaderOrWithAStandingStageIsTold() {
        #expect(BrokerCheck.judge(.classify, messages: 0, consumers: 0).state == .problem)
        #expect(BrokerCheck.judge(.classify, messages: 9, consumers: 1).state == .ok)
        #expect(BrokerCheck.judge(.parked, messages: 9, consumers: 0).state == .note)
        func work(_ stage: String, _ waiting: Int64, _ parked: Int64, _ age: Double?) -> [Finding.State] {
            DatabaseCheck.judge(
                WorkStore.StageCount(stage: stage, waiting: waiting, parked: parked, oldestSeconds: age)
            ).map(\.state)
        }
        #expect(work("file", 3, 0, 5) == [.ok])
        #expect(work("file", 3, 0, 700) == [.warning])
        #expect(work("relay", 3, 0, 100_000) == [.ok])
        #expect(work("file", 0, 2, 700) == [.problem])
    }

    @Test func theSameFaultOfSeveralPortsIsOneFinding() {
        let list = [
            Finding("tls", "A", .warning, "old"), Finding("port", "P", .ok, "fine"),
            Finding("tls", "B", .warning, "old"),
            Finding("port", "Q", .ok, "fine"), Finding("tls", "C", .warning, "wrong"),
        ]
        #expect(list.merged.map(\.subject) == ["A, B", "P", "Q", "C"])
    }
}
