import Classifier
import MailCore
import Testing

@Suite("Category")
struct CategoryTests {
    private func category(_ text: String) throws -> Verdict.Category? {
        try #require(SnapshotTests.model).verdict(of: Samples.mail(text), version: 1, using: FeatureExtractor())
            .category
    }

    @Test(
        "header fields decide where they can",
        arguments: [
            ("List-Post: <mailto:dev@lists.test>", Verdict.Category.forum), ("X-Mailman-Version: 2.1", .forum),
            ("List-Id: <dev.lists.test>\nPrecedence: list", .forum), ("Auto-Submitted: auto-generated", .notification),
            ("Auto-Submitted: auto-replied", .notification), ("Precedence: auto_reply", .notification),
        ])
    func headers(fields: String, expected: Verdict.Category) throws {
        let mail = "From: a@host.test\nSubject: the release\n\(fields)\n\nThe release is planned for Friday.\n"
        #expect(try category(mail) == expected)
    }

    @Test("words decide where header fields do not")
    func words() throws {
        #expect(
            try category(
                "From: Nina <nina@friends.test>\nSubject: Re: tomorrow\nIn-Reply-To: <1@x>\n\n"
                    + "Sure, see you at the station at nine. I bring the tickets. Nina\n") == .personal)
        #expect(
            try category(
                "From: Shop <orders@shop.test>\nSubject: Your order has been shipped\n\n"
                    + "Thank you for your order. Your parcel is on its way and comes on Friday. Total 42.10.\n"
            )
                == .transaction)
    }

    @Test("unwanted mail has none, and an untaught model knows only header fields")
    func none() throws {
        let junk = "From: a@b.test\nSubject: x\nList-Post: <mailto:x@y.test>\n\n\(VerdictTests.testPattern)\n"
        #expect(try category(junk) == nil)
        let model = SpamModel()
        let plain = Samples.mail(body: "lunch?")
        #expect(model.verdict(of: plain, version: 1, using: FeatureExtractor()).category == nil)
    }

    @Test("learns a category from lessons")
    func learns() {
        var model = SpamModel()
        let extractor = FeatureExtractor()
        for number in 1...30 {
            for (body, category) in [
                ("choir rehearsal on monday, bring the score", Verdict.Category.newsletter),
                ("invoice paid, thank you for your payment", .transaction),
            ] {
                let features = extractor.featureSet(of: Samples.mail(body: "\(body) \(number)"))
                model.learn(Lesson(features: features, isSpam: false, category: category))
            }
        }
        #expect(
            model.categories.category(extractor.featureSet(of: Samples.mail(body: "choir rehearsal"))) == .newsletter)
        #expect(
            model.categories.category(extractor.featureSet(of: Samples.mail(body: "payment of the invoice")))
                == .transaction)
    }

    @Test("what a category is called does not change")
    func names() {
        #expect(
            Verdict.Category.allCases.map(\.rawValue) == [
                "personal", "transaction", "newsletter", "promotion", "notification", "forum",
            ])
    }
}
