import HTTPTypes
import Hummingbird
import LineServer
import NIOCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What every request has to pass before anything else looks at it.
struct RequestGuard: Sendable {
    static let maximumBody = 4096
    private static let cookie = "martlet_token"
    /// RFC 6265bis 4.1.3.2: a browser takes such a cookie only over TLS, for this host and the whole of it.
    private static let secureCookie = "__Host-martlet_token"

    let address: PageAddress

    private var origin: String { address.origin }
    private var isSecure: Bool { origin.hasPrefix("https:") }

    // MARK: - Where a request comes from

    /// Refuses what another site makes a browser send. Programs send neither header.
    func checkSite(_ request: Request) throws(APIError) {
        if let site = request.headers[Self.fetchSite], site != "same-origin", site != "none" {
            throw .crossSite
        }
        guard let origin = request.headers[.origin] else { return }
        guard !origin.isEmpty, origin == self.origin || (self.origin.isEmpty && isOfHost(origin, request)) else {
            throw .crossSite
        }
    }

    private func isOfHost(_ origin: String, _ request: Request) -> Bool {
        guard let host = request.head.authority, !host.isEmpty else { return false }
        return origin == "http://\(host)" || origin == "https://\(host)"
    }

    private static let fetchSite = HTTPField.Name("Sec-Fetch-Site") ?? .origin

    /// Who asks: the address that is logged, and what failed logins are counted by.
    func peer(_ request: Request, _ context: WatchContext) -> PeerAddress {
        address.peer(of: context.channel.remoteAddress, request.headers)
    }

    // MARK: - Whose it is

    /// RFC 6750 2.1, or the cookie.
    func token(_ request: Request) -> String? {
        if let authorization = request.headers[.authorization] {
            let parts = authorization.split(separator: " ", maxSplits: 1)
            guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
            return String(parts[1])
        }
        let name = isSecure ? Self.secureCookie : Self.cookie
        for field in request.headers[values: .cookie] {
            for pair in field.split(separator: ";") {
                let parts = pair.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
                if parts.count == 2, parts[0] == name { return String(parts[1]) }
            }
        }
        return nil
    }

    func setCookie(_ token: String, seconds: Int64) -> String {
        let name = isSecure ? Self.secureCookie : Self.cookie
        return "\(name)=\(token); Path=/; HttpOnly; SameSite=Strict; Max-Age=\(seconds)" + (isSecure ? "; Secure" : "")
    }

    // MARK: - What it carries

    /// A small JSON document that says that it is one.
    func body<Value: Decodable>(_ request: Request, as type: Value.Type) async throws -> Value {
        let media = request.headers[.contentType] ?? ""
        guard media.prefix(while: { $0 != ";" && $0 != " " }).lowercased() == "application/json" else {
            throw APIError.notJSON
        }
        let bytes = try await collect(request)
        guard let value = try? JSONDecoder().decode(type, from: Data(bytes)) else {
            throw APIError.badRequest("The body is not the JSON document that belongs here.")
        }
        return value
    }

    /// Refuses a body where none belongs.
    func noBody(_ request: Request) async throws {
        guard try await collect(request).isEmpty else { throw APIError.badRequest("No body, please.") }
    }

    private func collect(_ request: Request) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        do {
            for try await part in request.body {
                guard bytes.count + part.readableBytes <= Self.maximumBody else { throw APIError.tooLarge }
                bytes += part.readableBytesView
            }
        } catch let error as APIError {
            throw error
        } catch {
            // The client's framing is wrong, or it left: no server behind this one is to blame.
            throw APIError.badRequest("The body cannot be read.")
        }
        return bytes
    }
}
