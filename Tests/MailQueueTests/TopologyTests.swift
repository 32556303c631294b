import MailQueue
import QueueContracts
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct TopologyTests {
    private static let daemons = ["smtpd", "classifyd", "filerd", "relayd", "accessd", "watchd"]

    /// Golden files: what an operator imports. A change of one is a change of a public interface.
    @Test(arguments: QueueType.allCases)
    func `definitions are as documented`(type: QueueType) throws {
        let names = (Self.daemons + ["admin"]).map { "martlet_\($0)" }
        let made = Topology.definitions(
            queueType: type, passwords: Dictionary(uniqueKeysWithValues: names.map { ($0, "secret of \($0)") }))
        let file = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let golden = try String(contentsOfFile: "/\(file)/Golden/definitions.\(type.rawValue).json", encoding: .utf8)
        #expect(made + "\n" == golden)
    }

    @Test func `only users with a password get entries`() {
        let made = Topology.definitions(queueType: .classic, passwords: ["martlet_smtpd": "x", "somebody": "y"])
        #expect(made.contains("martlet_smtpd") && !made.contains("martlet_filerd") && !made.contains("somebody"))
        #expect(!Topology.definitions(queueType: .classic).contains("martlet_smtpd"))
    }
}
