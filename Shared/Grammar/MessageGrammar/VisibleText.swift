package struct VisibleText: Sendable {
    static func text(ofHTML html: String, maximum: Int) -> String { html }
}
