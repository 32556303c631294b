/// A parameter, bound in binary form. Arrays are one-dimensional; `unnest` turns them into rows.
package enum PostgresValue: Sendable {
    case null(PostgresType)
    case bool(Bool)
    case int2(Int16)
    case int4(Int32)
    case int8(Int64)
    case float8(Double)
    case text(String)
    case bytea([UInt8])
    /// JSON text.
    case jsonb(String)
    case uuid(high: UInt64, low: UInt64)
    /// Microseconds since the Unix epoch.
    case timestamptz(microseconds: Int64)
    case int2Array([Int16])
    case int4Array([Int32])
    case int8Array([Int64])
    case int8ArrayOfOptionals([Int64?])
    case float8Array([Double])
    case textArray([String])
    case textArrayOfOptionals([String?])
    case jsonbArray([String])
    case byteaArray([[UInt8]])
    case uuidArray([(high: UInt64, low: UInt64)])
    /// Microseconds since the Unix epoch.
    case timestamptzArray([Int64])

    package var type: PostgresType {
        switch self {
        case .null(let type): type
        case .bool: .bool
        case .int2: .int2
        case .int4: .int4
        case .int8: .int8
        case .float8: .float8
        case .text: .text
        case .bytea: .bytea
        case .jsonb: .jsonb
        case .uuid: .uuid
        case .timestamptz: .timestamptz
        case .int2Array: .int2Array
        case .int4Array: .int4Array
        case .int8Array, .int8ArrayOfOptionals: .int8Array
        case .float8Array: .float8Array
        case .textArray, .textArrayOfOptionals: .textArray
        case .jsonbArray: .jsonbArray
        case .byteaArray: .byteaArray
        case .uuidArray: .uuidArray
        case .timestamptzArray: .timestamptzArray
        }
    }

    package static func optional(int8 value: Int64?) -> PostgresValue { value.map { .int8($0) } ?? .null(.int8) }
    package static func optional(text value: String?) -> PostgresValue { value.map { .text($0) } ?? .null(.text) }
}

/// PostgreSQL counts its time from 2000-01-01T00:00:00Z.
let postgresEpochMicroseconds: Int64 = 946_684_800_000_000
