import DKIM
import Testing

@Suite struct DKIMKeyRecordTests {
    @Test(arguments: DKIMAlgorithm.allCases)
    func whatIsPublishedIsWhatIsRead(_ algorithm: DKIMAlgorithm) throws {
        let key = try DKIMPrivateKey.generate(algorithm)
        let record = try DKIMKeyRecord(Array(DKIMKeyRecord.text(algorithm, publicKey: key.publicKey).utf8))
        #expect(record.publicKey == key.publicKey && record.keyType == algorithm.keyType)
        #expect(!record.isRevoked && !record.isTesting)
    }

    @Test func readsWhatOthersWrite() throws {
        let record = try DKIMKeyRecord(Array("p = AQ\r\n ID ; t=s : y;h=sha1:sha256; n=some note; s=*;".utf8))
        #expect(record.publicKey == [1, 2, 3] && record.keyType == "rsa" && record.isTesting)
        #expect(record.hashes == ["sha1", "sha256"] && record.services == ["*"])
        #expect(try DKIMKeyRecord(Array("v=DKIM1; p=".utf8)).isRevoked)
    }

    @Test(arguments: [
        ("", DKIMKeyRecord.Fault.noKey), ("v=DKIM1; k=rsa", .noKey), ("v=DKIM2; p=AQID", .otherVersion),
        ("p=AQID; v=DKIM1", .otherVersion), ("p=AQID; p=AQID", .malformed), ("AQID", .malformed),
        ("v=DKIM1;;p=AQID", .malformed), ("p=AQI", .unreadableKey), ("p=A?ID", .unreadableKey), ("1=x; p=", .malformed),
        ("p=AQID\u{0}", .malformed), (String(repeating: "a", count: 5_000), .malformed),
    ])
    func refusesWhatIsNoKeyRecord(_ text: String, _ fault: DKIMKeyRecord.Fault) {
        #expect(throws: fault) { try DKIMKeyRecord(Array(text.utf8)) }
    }
}
