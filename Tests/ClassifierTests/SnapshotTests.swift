import Classifier
import FoundationEssentials
import MailCore
import Testing

/// The model that ships, on mails that look as a bare client sends them.
@Suite("Snapshot")
struct SnapshotTests {
    static let model = try? ModelFile.decode([UInt8](FileManager.default.contents(atPath: path) ?? Data()))

    private static var path: String {
        let source = #filePath
        let folders = source.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        return folders.joined(separator: "/") + "/Services/Classify/Classifier/Snapshot/spam.model"
    }

    private func verdict(_ mail: HandWritten) throws -> Verdict {
        try #require(Self.model).verdict(of: Samples.mail(mail.bytes), version: 1, using: FeatureExtractor())
    }

    @Test("keeps ordinary mail", arguments: HandWritten.wanted)
    func keepsOrdinaryMail(mail: HandWritten) throws {
        let result = try verdict(mail)
        #expect(result.label == .ham, "\(result.probability) \(result.reasons.map(\.text))")
    }

    /// The threshold leans towards keeping mail, so a few without a link or a name may pass.
    @Test("finds obvious spam, and says why")
    func findsObviousSpam() throws {
        var missed: [String] = []
        for mail in HandWritten.unwanted {
            let result = try verdict(mail)
            if !result.isJunk { missed.append(mail.subject) }
            #expect(!result.reasons.isEmpty)
        }
        #expect(missed.count <= 2, "missed: \(missed)")
    }

    @Test("calls mail that asks for passwords and cards phishing")
    func tellsPhishing() throws {
        let names = [
            "Your account has been limited", "eBay: update your billing information",
            "Citibank: verify your ATM card and PIN",
        ]
        for mail in HandWritten.unwanted where names.contains(mail.subject) {
            #expect(try verdict(mail).label == .phish)
        }
        for mail in HandWritten.unwanted where mail.subject.contains("Viagra") {
            #expect(try verdict(mail).label == .spam)
        }
    }
}
