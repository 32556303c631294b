/// A statement that each connection prepares once, on first use. The name must be unique for the text.
package struct PreparedStatement: Sendable {
    package let name: StaticString
    package let sql: StaticString

    package init(_ name: StaticString, _ sql: StaticString) {
        self.name = name
        self.sql = sql
    }
}
