/// A new version of a model is in PostgreSQL.
package struct ModelPublished: BusMessage, Hashable {
    package static let schema = RoutingKey.modelPublished
    package static let version = 1

    package let schema: String
    package let version: Int
    package let kind: String
    package let modelVersion: Int64

    package init(kind: String, modelVersion: Int64) {
        self.schema = Self.schema
        self.version = Self.version
        self.kind = kind
        self.modelVersion = modelVersion
    }
}
