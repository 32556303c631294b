import Crypto
import CryptoExtras
import RSASigning
import Testing

@Suite struct RSASigningKeyTests {
    private let bytes = Array("from:alice@example.test\r\n".utf8)

    @Test func `another library verifies the signature`() throws {
        let pair = try _RSA.Signing.PrivateKey(keySize: .bits2048)
        let key = try #require(RSASigningKey(der: Array(pair.pkcs8DERRepresentation)))
        let signature = try #require(key.signature(over: bytes))
        #expect(signature.count == 256)
        #expect(
            pair.publicKey.isValidSignature(
                .init(rawRepresentation: signature), for: SHA256.hash(data: bytes), padding: .insecurePKCS1v1_5))
        #expect(key.signature(over: bytes) == signature, "PKCS#1 v1.5 has no salt")
        #expect(key.signature(over: []) != nil)
    }

    @Test func `what is no RSA key, or a damaged one, is refused`() throws {
        #expect(RSASigningKey(der: []) == nil)
        #expect(RSASigningKey(der: [0x30, 0x03, 0x02, 0x01, 0x00]) == nil)
        var damaged = Array(try _RSA.Signing.PrivateKey(keySize: .bits2048).pkcs8DERRepresentation)
        damaged[100] ^= 0x10  // of the modulus
        #expect(RSASigningKey(der: damaged) == nil)
    }
}
