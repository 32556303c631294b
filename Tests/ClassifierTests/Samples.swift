import Classifier
import MessageGrammar

enum Samples {
    static func mail(_ bytes: [UInt8]) -> MailSample {
        var scanner = MessageScanner()
        scanner.feed(bytes)
        return MailSample(bytes: bytes, summary: scanner.finish())
    }

    static func mail(_ text: String) -> MailSample {
        mail(Array(text.split(separator: "\n", omittingEmptySubsequences: false).joined(separator: "\r\n").utf8))
    }

    static func mail(subject: String = "hello", body: String) -> MailSample {
        mail("From: Alice <alice@example.test>\nTo: bob@example.test\nSubject: \(subject)\n\n\(body)\n")
    }

    /// A small model that knows two kinds of mail.
    static func trained() -> SpamModel {
        var model = SpamModel()
        let extractor = FeatureExtractor()
        let wanted = [
            "lunch at noon in the garden", "the meeting notes are attached", "please review the parser patch",
        ]
        let unwanted = ["buy cheap pills now", "you won the lottery prize money", "free casino bonus click here"]
        for _ in 0..<30 {
            for body in wanted {
                model.learn(Lesson(features: extractor.featureSet(of: mail(body: body)), isSpam: false))
            }
            for body in unwanted {
                model.learn(Lesson(features: extractor.featureSet(of: mail(body: body)), isSpam: true))
            }
        }
        return model
    }
}
