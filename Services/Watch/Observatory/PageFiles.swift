/// The live page: files that are part of the program.
enum PageFiles {
    struct File: Sendable {
        let bytes: [UInt8]
        let type: String
    }

    static let index = File(bytes: PackageResources.index_html, type: "text/html; charset=utf-8")

    /// By name, below `/page/`.
    static let files: [String: File] = [
        "page.css": File(bytes: PackageResources.page_css, type: "text/css; charset=utf-8"),
        "martlet.svg": File(bytes: PackageResources.martlet_svg, type: "image/svg+xml"),
        "api.js": script(PackageResources.api_js), "app.js": script(PackageResources.app_js),
        "dom.js": script(PackageResources.dom_js), "mails.js": script(PackageResources.mails_js),
        "path.js": script(PackageResources.path_js), "protocol.js": script(PackageResources.protocol_js),
        "queues.js": script(PackageResources.queues_js), "sessions.js": script(PackageResources.sessions_js),
        "words.js": script(PackageResources.words_js),
    ]

    /// Its own files and its own API, nothing else; no inline script or style.
    static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

    private static func script(_ bytes: [UInt8]) -> File { File(bytes: bytes, type: "text/javascript; charset=utf-8") }
}
