import Classifier
import Testing

@Suite("Canonical text")
struct CanonicalTextTests {
    /// Disguised and plain spelling give the same words.
    @Test(
        "reads disguised words as what they look like",
        arguments: [
            "VIAGRA pills", "v1agra pills", "v\u{200B}iag\u{AD}ra pills", "vi\u{430}gra pills", "v i a g r a pills",
            "V.I.A.G.R.A pills", "\u{FF36}\u{FF29}\u{FF21}\u{FF27}\u{FF32}\u{FF21} pills",
            "v\u{ED}\u{E0}gr\u{E4} pills",
            "\u{1D42F}\u{1D422}\u{1D41A}\u{1D420}\u{1D42B}\u{1D41A} pills", "vi@gra pills",
        ])
    func foldsDisguises(text: String) {
        #expect(FeatureExtractor.canonical(text).hasPrefix("viagra pills"))
    }

    @Test(
        "leaves ordinary writing alone",
        arguments: [
            ("Hello, World!", "hello, world!"), ("alice@example.com", "alice@example.com"),
            ("U.S.A. today", "u.s.a. today"),
            ("room b2b mp3", "room b0b mp0"), ("12:30, 4.5 GB", "00:00, 0.0 gb"),
            ("one  two\tand\r\nfour", "one two and four"),
            ("\u{41F}\u{440}\u{438}\u{432}\u{435}\u{442}", "np\u{438}\u{432}et"),
        ])
    func keepsOrdinaryWriting(text: String, expected: String) {
        #expect(FeatureExtractor.canonical(text) == expected)
    }

    @Test("keeps only the host of a web address")
    func cutsAddresses() {
        #expect(
            FeatureExtractor.canonical("see https://www.Example.org/a/b?c=1 now") == "see https://www.example.org now")
    }

    @Test("cuts endless words and repeated marks")
    func boundsRuns() {
        #expect(FeatureExtractor.canonical(String(repeating: "x", count: 500) + " y").utf8.count == 42)
        #expect(FeatureExtractor.canonical("-----------") == "---")
    }

    @Test("never fails on bytes that are no text")
    func survivesAnything() {
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<300 {
            let bytes = (0..<200).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let text = FeatureExtractor.canonical(bytes: bytes)
            #expect(text.count <= 900)
        }
    }
}
