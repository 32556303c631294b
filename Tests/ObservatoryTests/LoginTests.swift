import Crypto
import MailCore
import Observatory
import Storage
import Synchronization
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite("Login")
struct LoginTests {
    private static let json = ["Content-Type: application/json"]

    private func serving(_ server: TestServer = TestServer(), _ body: @escaping @Sendable (Int) throws -> Void)
        async throws
    {
        try await server.serving(body)
    }

    @Test("a password becomes a token and a cookie; both open the door")
    func login() async throws {
        try await serving { (port: Int) throws in
            let answer = try TestServer.request(
                "POST", "/api/v1/login", port, headers: Self.json,
                body: #"{"user":"alice@example.test","password":"right"}"#)
            #expect(answer.status == 200)
            #expect(answer.body.contains(#""role":"account""#) && answer.body.contains(#""name":"alice@example.test""#))
            let cookie = try #require(
                answer.head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("set-cookie: ") })
            #expect(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Path=/"))
            let pair = try #require(cookie.dropFirst("set-cookie: ".count).split(separator: ";").first)
            let me = try TestServer.request("GET", "/api/v1/me", port, headers: ["Cookie: other=1; \(pair)"])
            #expect(me.status == 200 && me.body.contains("alice@example.test"))
            let token = try TestServer.logIn("admin", port)
            let admin = try TestServer.request("GET", "/api/v1/me", port, token: token)
            #expect(admin.body.contains(#""role":"admin""#))
        }
    }

    @Test("behind TLS the cookie is for TLS and this host alone")
    func secureCookie() async throws {
        try await serving(TestServer(address: try PageAddress(origin: "https://mail.example.test", proxies: []))) {
            (port: Int) throws in
            let answer = try TestServer.request(
                "POST", "/api/v1/login", port, headers: Self.json + ["Origin: https://mail.example.test"],
                body: #"{"user":"admin","password":"right"}"#)
            #expect(answer.head.contains("__Host-martlet_token=") && answer.head.contains("; Secure"))
            let other = try TestServer.request(
                "POST", "/api/v1/login", port, headers: Self.json + ["Origin: http://127.0.0.1:\(port)"],
                body: #"{"user":"admin","password":"right"}"#)
            #expect(other.status == 403)
        }
    }

    @Test(
        "what is no login is refused",
        arguments: [
            (#"{"user":"alice@example.test","password":"wrong"}"#, 401), (#"{"user":"","password":"x"}"#, 401),
            (#"{"user":"a\u0000b","password":"right"}"#, 401), (#"{"user":"a"}"#, 400), ("", 400), ("[[[[", 400),
            (String(repeating: "[", count: 4000), 400), (String(repeating: " ", count: 5000), 413),
            (#"{"user":"x'/**/UNION/**/SELECT/**/'1'--","password":"wrong"}"#, 401),
        ])
    func refusals(body: String, status: Int) async throws {
        try await serving { (port: Int) throws in
            let answer = try TestServer.request("POST", "/api/v1/login", port, headers: Self.json, body: body)
            #expect(answer.status == status)
            #expect(!answer.head.lowercased().contains("set-cookie"))
        }
    }

    @Test(
        "another site cannot make a browser log in or act",
        arguments: [
            ["Origin: https://evil.test"], ["Origin: null"], ["Sec-Fetch-Site: cross-site"],
            ["Sec-Fetch-Site: same-site"], ["Origin: "],
        ])
    func crossSite(headers: [String]) async throws {
        try await serving { (port: Int) throws in
            let token = try TestServer.logIn("admin", port)
            for path in ["login", "logout", "parked/019aa5e2-7d0b-7c11-9a52-5d7b1f0c2b11/retry"] {
                let answer = try TestServer.request("POST", "/api/v1/\(path)", port, token: token, headers: headers)
                #expect(answer.status == 403 && answer.body.contains("cross_site"), "\(path)")
            }
            for path in [
                "//api/v1/logout", "/api//v1/parked/019aa5e2-7d0b-7c11-9a52-5d7b1f0c2b11/retry", "/api/v1/logout/",
            ] {
                let answer = try TestServer.request("POST", path, port, token: token, headers: headers)
                #expect(answer.status == 403 || answer.status == 404, "\(path)")
            }
            #expect(try TestServer.request("GET", "/api/v1/me", port, token: token).status == 200)
            let own = try TestServer.request(
                "POST", "/api/v1/logout", port, token: token,
                headers: ["Origin: http://127.0.0.1:\(port)", "Sec-Fetch-Site: same-origin"])
            #expect(own.status == 204)
        }
    }

    @Test("failed logins are counted by client: of IPv6 the /64, behind a known proxy as the proxy says")
    func peers() async throws {
        let server = TestServer(address: try PageAddress(origin: "", proxies: ["127.0.0.1", "2001:DB8::1"]))
        let strangers = TestServer(address: try PageAddress(origin: "", proxies: ["192.0.2.9"]))
        @Sendable func tryFrom(_ forwarded: [String], _ port: Int) throws {
            _ = try TestServer.request(
                "POST", "/api/v1/login", port, headers: Self.json + forwarded.map { "X-Forwarded-For: \($0)" },
                body: #"{"user":"admin","password":"wrong"}"#)
        }
        try await serving(server) { (port: Int) throws in
            for forwarded in [
                ["192.0.2.1"], ["203.0.113.5, 192.0.2.2"], ["203.0.113.5", "192.0.2.3"], ["2001:db8::a:b:c:d"],
                ["2001:db8:0:0:1::"], ["2001:db8:0:1::1"], ["::ffff:192.0.2.4"], ["unknown"], [""], [],
            ] { try tryFrom(forwarded, port) }
        }
        #expect(
            server.world.state.withLock { $0.peers } == [
                "192.0.2.1", "192.0.2.2", "192.0.2.3", "20010db8:0::/64", "20010db8:0::/64", "20010db8:1::/64",
                "192.0.2.4", "127.0.0.1", "127.0.0.1", "127.0.0.1",
            ])
        try await serving(strangers) { (port: Int) throws in try tryFrom(["192.0.2.1"], port) }
        #expect(strangers.world.state.withLock { $0.peers } == ["127.0.0.1"])
    }

    @Test(
        "an origin that no browser sends is refused at the start",
        arguments: [
            ("", true), ("https://mail.example.org", true), ("HTTPS://Mail.Example.org:8443", true),
            ("http://[2001:db8::1]:8080", true), ("https://mail.example.org/", false), ("mail.example.org", false),
            ("https://", false), ("https://a.test/x", false), ("ftp://a.test", false), ("https://u@a.test", false),
            ("https://a.test ", false), ("https://:80", false),
            ("https://a.test:443", false), ("http://[::1]:80", false), ("https://a:b:c", false),
            ("https://a.test:", false),
            ("https://a.test:65536", false), ("http://a.test:443", true), ("http://[::1]", true),
        ])
    func origins(text: String, isGood: Bool) {
        #expect(((try? PageAddress(origin: text, proxies: [])) != nil) == isGood)
        #expect(throws: (any Error).self) { try PageAddress(origin: "", proxies: ["proxy.test"]) }
    }

    @Test("an origin is compared as browsers write it")
    func largeOrigin() async throws {
        let server = TestServer(address: try PageAddress(origin: "HTTPS://Mail.Example.test", proxies: []))
        try await serving(server) { (port: Int) throws in
            let answer = try TestServer.request(
                "POST", "/api/v1/login", port, headers: Self.json + ["Origin: https://mail.example.test"],
                body: #"{"user":"admin","password":"right"}"#)
            #expect(answer.status == 200 && answer.head.contains("; Secure"))
        }
    }

    @Test("a logout that cannot be noted says so, and the cookie goes all the same")
    func logoutWithoutDatabase() async throws {
        let server = TestServer()
        try await serving(server) { (port: Int) throws in
            let token = try TestServer.logIn("admin", port)
            server.world.state.withLock { $0.isAway = true }
            let answer = try TestServer.request("POST", "/api/v1/logout", port, token: token)
            #expect(answer.status == 503 && answer.body.contains("unavailable"))
            #expect(answer.head.contains("martlet_token=;") && answer.head.contains("Max-Age=0"))
        }
    }

    @Test("a form of another site is no JSON")
    func formPost() async throws {
        try await serving { (port: Int) throws in
            for type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
                let answer = try TestServer.request(
                    "POST", "/api/v1/login", port, headers: ["Content-Type: \(type)"],
                    body: #"{"user":"admin","password":"right"}"#)
                #expect(answer.status == 415, "\(type)")
            }
        }
    }

    @Test("too many attempts, or a database that is away, are told as such")
    func limits() async throws {
        let server = TestServer()
        try await serving(server) { (port: Int) throws in
            var statuses: Set<Int> = []
            for _ in 0..<22 {
                statuses.insert(
                    try TestServer.request(
                        "POST", "/api/v1/login", port, headers: Self.json, body: #"{"user":"admin","password":"x"}"#
                    ).status)
            }
            #expect(statuses == [401, 429])
            server.world.state.withLock { $0.isAway = true }
            let away = try TestServer.request(
                "POST", "/api/v1/login", port, headers: Self.json, body: #"{"user":"admin","password":"x"}"#)
            #expect(away.status == 503 && away.body.contains("unavailable"))
        }
    }

    @Test("logout, a new password and deletion end a token")
    func endings() async throws {
        let server = TestServer()
        try await serving(server) { (port: Int) throws in
            let token = try TestServer.logIn("alice@example.test", port)
            #expect(try TestServer.request("POST", "/api/v1/logout", port, token: token).status == 204)
            #expect(try TestServer.request("GET", "/api/v1/me", port, token: token).status == 401)
            #expect(try TestServer.request("POST", "/api/v1/logout", port, token: token).status == 204)
            let other = try TestServer.logIn("alice@example.test", port)
            server.world.state.withLock { $0.marks[.account(AccountID(1))] = "second" }
            #expect(try TestServer.request("GET", "/api/v1/me", port, token: other).status == 401)
            let fresh = try TestServer.logIn("alice@example.test", port)
            #expect(try TestServer.request("GET", "/api/v1/me", port, token: fresh).status == 200)
        }
    }

    @Test("forged, foreign, expired and misshapen tokens get one and the same answer")
    func forgeries() async throws {
        let server = TestServer()
        let forgeries = try Forgery.all(key: server.world.key.reveal())
        try await serving(server) { (port: Int) throws in
            let good = try Forgery.token(key: server.world.key.reveal())
            #expect(try TestServer.request("GET", "/api/v1/me", port, token: good).status == 200)
            let nothing = try TestServer.request("GET", "/api/v1/me", port)
            #expect(nothing.status == 401 && nothing.body.contains("not_logged_in"))
            for (name, token) in forgeries {
                let answer = try TestServer.request("GET", "/api/v1/me", port, token: token)
                #expect(answer.status == 401, "\(name)")
                #expect(answer.body == nothing.body, "\(name)")
            }
            // Longer than any header we read: no answer of the API at all, and nothing is kept.
            let huge = try TestServer.request(
                "GET", "/api/v1/me", port, token: String(repeating: "a", count: 2_000_000))
            #expect(huge.status != 200)
            #expect(try TestServer.request("GET", "/health/live", port).status == 200)
        }
    }
}

/// Tokens that an attacker would try, beside a good one made the same way.
private enum Forgery {
    private static let now = 1_790_000_000
    private static let goodHeader = #"{"alg":"ES256","typ":"JWT"}"#

    private static func payload(
        exp: String = "9999999999", aud: String = #"["martlet"]"#, iss: String = "martlet", extra: String = ""
    ) -> String {
        #"{"iss":"\#(iss)","aud":\#(aud),"exp":\#(exp),"iat":\#(now),"jti":"019aa5e2-7d0b-7c11-9a52-5d7b1f0c2b11","#
            + #""sub":"admin","role":"admin","name":"admin","mark":"first"\#(extra)}"#
    }

    static func token(key: [UInt8], header: String = goodHeader, payload: String = payload()) throws -> String {
        let signed = encoded(Array(header.utf8)) + "." + encoded(Array(payload.utf8))
        let key = try P256.Signing.PrivateKey(rawRepresentation: key)
        return signed + "." + encoded(Array(try key.signature(for: Data(signed.utf8)).rawRepresentation))
    }

    static func all(key: [UInt8]) throws -> [(String, String)] {
        let good = try token(key: key)
        let parts = good.split(separator: ".").map(String.init)
        let publicKey = try P256.Signing.PrivateKey(rawRepresentation: key).publicKey
        func hmac(_ secret: [UInt8]) -> String {
            let signed = encoded(Array(#"{"alg":"HS256","typ":"JWT"}"#.utf8)) + "." + parts[1]
            let code = HMAC<SHA256>.authenticationCode(for: Data(signed.utf8), using: SymmetricKey(data: secret))
            return signed + "." + encoded(Array(code))
        }
        let others = [UInt8](P256.Signing.PrivateKey().rawRepresentation)
        let ownKey = #""kid":"../x","jku":"https://evil.test/k","jwk":{"kty":"EC"}"#
        return [
            ("alg none", encoded(Array(#"{"alg":"none"}"#.utf8)) + ".\(parts[1])."),
            ("alg None with a signature", encoded(Array(#"{"alg":"None"}"#.utf8)) + ".\(parts[1]).\(parts[2])"),
            ("no signature", "\(parts[0]).\(parts[1])."), ("two parts", "\(parts[0]).\(parts[1])"),
            ("four parts", good + ".x"), ("empty parts", ".."),
            ("HS256 with the public key", hmac(Array(publicKey.pemRepresentation.utf8))),
            ("HS256 with the raw public key", hmac(Array(publicKey.rawRepresentation))),
            ("a key of its own", try token(key: others)),
            ("a key of its own that it brings", try token(key: others, header: #"{"alg":"ES256",\#(ownKey)}"#)),
            ("zero signature", "\(parts[0]).\(parts[1])." + encoded([UInt8](repeating: 0, count: 64))),
            ("no exp", try token(key: key, payload: payload().replacing(#""exp":9999999999,"#, with: ""))),
            ("past exp", try token(key: key, payload: payload(exp: "1000000000"))),
            ("exp 1e400", try token(key: key, payload: payload(exp: "1e400"))),
            ("exp as text", try token(key: key, payload: payload(exp: #""9999999999""#))),
            ("negative exp", try token(key: key, payload: payload(exp: "-1"))),
            ("other aud", try token(key: key, payload: payload(aud: #"["other"]"#))),
            ("other iss", try token(key: key, payload: payload(iss: "other"))),
            ("changed claims", "\(parts[0])." + encoded(Array(payload(extra: #","x":1"#).utf8)) + ".\(parts[2])"),
            ("deep header", encoded(Array(String(repeating: "[", count: 5000).utf8)) + ".\(parts[1]).\(parts[2])"),
            ("nonsense", "%%%.%%%.%%%"), ("not ASCII", "\u{fc}.\u{fc}.\u{fc}"),
        ]
    }

    private static func encoded(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }
}
