import DNSResolver
import Testing

@Suite struct ZoneFileTests {
    @Test func readsRelativeNamesOriginAndDefaults() throws {
        let zone = try ZoneFile(
            """
            $ORIGIN remote.test.
            $TTL 60
            @        IN SOA ns hostmaster 1 2 3 4 5  ; ours
            @        MX 10 mx1
                     MX 20 mx2.other.test.
            mx1 30   A 127.0.0.2
            key._domainkey TXT "v=DKIM1; p=AB" "CD"
            """)
        #expect(zone.zones == ["remote.test."])
        #expect(
            zone.records == [
                "remote.test. 60 IN SOA ns.remote.test. hostmaster.remote.test. 1 2 3 4 5",
                "remote.test. 60 IN MX 10 mx1.remote.test.",
                "remote.test. 60 IN MX 20 mx2.other.test.",
                "mx1.remote.test. 30 IN A 127.0.0.2",
                "key._domainkey.remote.test. 60 IN TXT \"v=DKIM1; p=AB\" \"CD\"",
            ])
    }

    @Test(arguments: [("a A", 1), ("\na TXT \"open", 2), ("$INCLUDE x", 1), ("a BOGUS 1", 1), ("$TTL", 1)])
    func namesTheLineOfAnError(text: String, line: Int) {
        #expect { try ZoneFile(text) } throws: { ($0 as? ZoneFile.SyntaxError)?.line == line }
    }
}
