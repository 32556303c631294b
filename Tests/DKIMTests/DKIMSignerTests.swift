import Crypto
import CryptoExtras
import DKIM
import MailCore
import MailWire
import Testing

@Suite struct DKIMSignerTests {
    /// RFC 8463 A.2.
    private static let seed = base64Bytes("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")

    private static let header = """
        From: Joe SixPack <joe@football.example.com>
        To: Suzie Q <suzie@shopping.example.net>
        Subject: Is dinner ready?
        Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
        Message-ID: <20030712040037.46341.5F8J@football.example.com>

        """.replacing("\n", with: "\r\n")

    private func signer(_ algorithm: DKIMAlgorithm = .ed25519) throws -> DKIMSigner {
        DKIMSigner(domain: "football.example.com", selector: "brisbane", key: try Self.key(algorithm))
    }

    private static let rsa = Result { try DKIMPrivateKey.generate(.rsa) }

    private static func key(_ algorithm: DKIMAlgorithm) throws -> DKIMPrivateKey {
        switch algorithm {
        case .rsa: try rsa.get()
        case .ed25519: try DKIMPrivateKey(.ed25519, stored: Secret(seed))
        }
    }

    /// The tags of a DKIM-Signature field.
    private func tags(_ field: [UInt8]) -> [String: String] {
        let text = String(decoding: field, as: UTF8.self).replacing("\r\n\t", with: " ").replacing("\r\n", with: "")
        let list = text.dropFirst("DKIM-Signature:".count).split(separator: ";")
        return Dictionary(
            list.map { tag in
                let parts = tag.split(separator: "=", maxSplits: 1)
                return (parts[0].filter { $0 != " " }, parts.count > 1 ? parts[1].filter { $0 != " " } : "")
            }
        ) { first, _ in first }
    }

    /// What a verifier hashes (RFC 6376 3.7, 6.1.3), written without the code under test.
    private func hashed(_ header: String, _ field: [UInt8]) -> [UInt8] {
        func relaxed(_ name: some StringProtocol, _ value: some StringProtocol) -> String {
            let words = String(value).replacing("\r\n", with: "").split { $0 == " " || $0 == "\t" }
            return name.lowercased() + ":" + words.joined(separator: " ")
        }
        var fields: [(name: String, value: String)] = []
        for line in header.replacing("\r\n", with: "\n").split(separator: "\n") {
            if line.first == " " || line.first == "\t" {
                if let last = fields.indices.last { fields[last].value += line }
            } else if let colon = line.firstIndex(of: ":") {
                fields.append((line[..<colon].lowercased(), String(line[line.index(after: colon)...])))
            }
        }
        var text = ""
        for name in (tags(field)["h"] ?? "").split(separator: ":") {
            guard let index = fields.lastIndex(where: { $0.name == name }) else { continue }
            text += relaxed(name, fields.remove(at: index).value) + "\r\n"
        }
        let own = String(decoding: field, as: UTF8.self)
        let withoutSignature = own.firstRange(of: " b=") ?? own.firstRange(of: "\tb=")
        let end = withoutSignature?.upperBound ?? own.endIndex
        text += relaxed("dkim-signature", own[own.index(own.startIndex, offsetBy: 15)..<end])
        return Array(text.utf8)
    }

    @Test(arguments: DKIMAlgorithm.allCases)
    func aVerifierAccepts(_ algorithm: DKIMAlgorithm) throws {
        let bodyHash = base64Bytes("2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=")
        let field = try signer(algorithm).sign(header: Array(Self.header.utf8), bodyHash: bodyHash, at: 1_528_637_909)
        let tags = tags(field)
        #expect(tags["v"] == "1" && tags["a"] == algorithm.rawValue && tags["c"] == "relaxed/relaxed")
        #expect(tags["d"] == "football.example.com" && tags["s"] == "brisbane" && tags["t"] == "1528637909")
        #expect(tags["bh"] == base64Text(bodyHash) && tags["l"] == nil)
        let digest = SHA256.hash(data: hashed(Self.header, field))
        let signature = base64Bytes(tags["b"] ?? "")
        let publicKey = try Self.key(algorithm).publicKey
        switch algorithm {
        case .ed25519:
            #expect(base64Text(publicKey) == "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
            let key = try Curve25519.Signing.PublicKey(rawRepresentation: publicKey)
            #expect(key.isValidSignature(signature, for: Array(digest)))
        case .rsa:
            let key = try _RSA.Signing.PublicKey(derRepresentation: publicKey)
            let signature = _RSA.Signing.RSASignature(rawRepresentation: signature)
            #expect(key.isValidSignature(signature, for: digest, padding: .insecurePKCS1v1_5))
        }
    }

    @Test func linesAreShortAndTheFieldEndsOnce() throws {
        let field = try signer(.rsa).sign(
            header: Array(Self.header.utf8), bodyHash: [UInt8](repeating: 7, count: 32), at: 1)
        let lines = String(decoding: field, as: UTF8.self).split(separator: "\r\n", omittingEmptySubsequences: false)
        #expect(lines.count > 4 && lines.last == "" && lines.dropLast().allSatisfy { !$0.isEmpty })
        #expect(lines.allSatisfy { $0.utf8.count <= 78 })
        #expect(lines.dropFirst().dropLast().allSatisfy { $0.first == "\t" })
    }

    @Test func fieldsThatMatterAreOversigned() throws {
        let header = Self.header + "Received: from x\r\nList-Id: <l.test>\r\n"
        let field = try signer().sign(header: Array(header.utf8), bodyHash: [], at: 1)
        let names = (tags(field)["h"] ?? "").split(separator: ":").map(String.init)
        for name in ["from", "to", "subject", "date", "message-id"] {
            #expect(names.filter { $0 == name }.count == 2, "\(name) can't be added once more")
        }
        for name in ["cc", "reply-to", "sender"] { #expect(names.filter { $0 == name }.count == 1) }
        #expect(!names.contains("received") && names.filter { $0 == "list-id" }.count == 1)
    }

    @Test(arguments: [
        "Subject: no From\r\n",
        "From: a@x.test\r\nFrom: b@x.test\r\n",
        "From : a@x.test\r\n",
        " From: a@x.test\r\n",
        "From\r\n : a@x.test\r\n",
        "From: a@x.test\r\nnot a field\r\n",
        "From: a@x.test\nSubject: bare LF\r\n",
        "From: a@x.test\rSubject: bare CR\r\n",
        "From: a@x.test\r\nSub\u{0}ject: x\r\n",
        "From: a@x.test\r\n: no name\r\n",
        "From: a@x.test",
        "Fröm: a@x.test\r\n",
    ])
    func whatCanBeReadTwoWaysIsNotSigned(_ header: String) throws {
        let signer = try signer()
        #expect(throws: DKIMError.ambiguousHeader) { try signer.sign(header: Array(header.utf8), bodyHash: [], at: 1) }
    }

    @Test func aHeaderThatHidesSomethingIsNotSigned() throws {
        let signer = try signer()
        let many = "From: a@x.test\r\n" + String(repeating: "To: b@x.test\r\n", count: 21)
        #expect(throws: DKIMError.tooLarge) { try signer.sign(header: Array(many.utf8), bodyHash: [], at: 1) }
        let endless = "From: a@x.test\r\n" + String(repeating: "X: y\r\n", count: 10_001)
        #expect(throws: DKIMError.tooLarge) { try signer.sign(header: Array(endless.utf8), bodyHash: [], at: 1) }
    }

    @Test(arguments: DKIMAlgorithm.allCases)
    func aKeySurvivesItsStoreAndNeverPrints(_ algorithm: DKIMAlgorithm) throws {
        let key = try Self.key(algorithm)
        let again = try DKIMPrivateKey(algorithm, stored: key.stored)
        #expect(again.publicKey == key.publicKey && again.algorithm == algorithm)
        #expect("\(key)" == "<secret>" && String(reflecting: key) == "<secret>")
        var dumped = ""
        dump(key, to: &dumped)
        #expect(!dumped.contains("rsa") && !dumped.contains("ed25519"))
        #expect(throws: DKIMError.unusableKey) { try DKIMPrivateKey(algorithm, stored: Secret([1, 2, 3])) }
    }
}
