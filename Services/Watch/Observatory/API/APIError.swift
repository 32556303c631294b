import HTTPTypes
import Hummingbird
import NIOCore

/// What a request is refused with. `message` is for a person.
struct APIError: Error, Sendable {
    let status: HTTPResponse.Status
    let code: String
    let message: String
    var retryAfter: Int?

    init(_ status: HTTPResponse.Status, _ code: String, _ message: String, retryAfter: Int? = nil) {
        self.status = status
        self.code = code
        self.message = message
        self.retryAfter = retryAfter
    }

    static func badRequest(_ message: String) -> APIError { APIError(.badRequest, "bad_request", message) }
    static let notLoggedIn = APIError(.unauthorized, "not_logged_in", "Log in first.")
    static let wrongCredentials = APIError(.unauthorized, "wrong_credentials", "The name or the password is wrong.")
    static let tooManyAttempts = APIError(
        .tooManyRequests, "too_many_attempts", "Too many failed logins. Wait a minute.", retryAfter: 60)
    static let tooManyStreams = APIError(
        .tooManyRequests, "too_many_streams", "Too many live views are open. Close one.", retryAfter: 30)
    static let forbidden = APIError(.forbidden, "forbidden", "Only an admin may do this.")
    static let crossSite = APIError(.forbidden, "cross_site", "The request was made by another site.")
    static let notFound = APIError(.notFound, "not_found", "There is no such thing, or it is not yours.")
    static let notAllowed = APIError(.methodNotAllowed, "method_not_allowed", "This cannot be done here.")
    static let tooLarge = APIError(.contentTooLarge, "too_large", "The request is too large.")
    static let notJSON = APIError(.unsupportedMediaType, "not_json", "Say Content-Type: application/json.")
    static let unavailable = APIError(
        .serviceUnavailable, "unavailable", "A server behind this one does not answer. Try again.", retryAfter: 5)

    private struct Body: Encodable {
        let error: String
        let message: String
    }

    var json: String { JSON.text(Body(error: code, message: message)) }

    /// Of the API; elsewhere a refusal is plain text.
    var answer: Response { answer(type: "application/json", json + "\n") }

    func answer(type: String, _ text: String) -> Response {
        var answer = Response(
            status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
        if status == .contentTooLarge { answer.headers[.connection] = "close" }
        if status == .unauthorized { answer.headers[.wwwAuthenticate] = "Bearer" }
        if let seconds = retryAfter { answer.headers[.retryAfter] = "\(seconds)" }
        return answer
    }
}
