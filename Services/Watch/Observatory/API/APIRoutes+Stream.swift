import HTTPTypes
import Hummingbird
import NIOCore

/// `GET /api/v1/stream`: server-sent events (HTML Living Standard 9.2).
extension APIRoutes {
    func stream(_ request: Request, _ context: WatchContext) async throws -> Response {
        let session = try await session(request)
        let channel = context.channel
        let client = StreamClient(viewer: session.viewer, token: gate.token(request) ?? "", until: session.expiresAt) {
            channel.close(promise: nil)
        }
        let isResumed: Bool
        do {
            isResumed = try hub.enter(client, lastEventID: request.headers[Self.lastEventID])
        } catch StreamHub.Refusal.tooMany {
            throw APIError.tooManyStreams
        } catch {
            throw APIError.unavailable
        }
        client.offer("hello", key: "hello", JSON.text(WhoAnswer(session, resumed: isResumed)))
        let (hub, live, body) = (hub, live, request.body)
        return Response(
            status: .ok, headers: Self.headers,
            body: ResponseBody { writer in
                defer { hub.leave(client) }
                client.begin()
                // The state of things may be long in coming; what happens meanwhile, and signs of life, do not wait for it.
                async let _ = live.welcome(client)
                try await body.consumeWithCancellationOnInboundClose { _ in
                    try await client.send { try await writer.write($0) }
                }
                try await writer.finish(nil)
            })
    }

    private static let headers: HTTPFields = {
        var headers: HTTPFields = [.contentType: "text/event-stream"]
        // A proxy that gathers an answer would never show this one.
        if let name = HTTPField.Name("X-Accel-Buffering") { headers[name] = "no" }
        return headers
    }()

    private static let lastEventID = HTTPField.Name("Last-Event-ID") ?? .ifMatch
}
