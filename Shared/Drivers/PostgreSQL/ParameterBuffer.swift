/// The parameters of one call in binary form, in one buffer that is reused from call to call.
///
/// Formats: PostgreSQL's `*_send`/`*_recv` functions (all integers big-endian) and `array_send`.
package struct ParameterBuffer: Sendable {
    package private(set) var bytes: [UInt8] = []
    /// Where each parameter starts and how long it is; a length of -1 is NULL.
    package private(set) var spans: [(start: Int, length: Int)] = []

    package init() {}

    package mutating func reset(reserving size: Int = 0) {
        // One large batch must not pin its memory for ever.
        if bytes.capacity > 8 << 20 { bytes = [] }
        bytes.removeAll(keepingCapacity: true)
        spans.removeAll(keepingCapacity: true)
        bytes.reserveCapacity(size)
    }

    package mutating func append(_ value: PostgresValue) {
        if case .null = value {
            spans.append((bytes.count, -1))
            return
        }
        let start = bytes.count
        appendScalarOrArray(value)
        spans.append((start, bytes.count - start))
    }

    private mutating func appendScalarOrArray(_ value: PostgresValue) {
        switch value {
        case .null: break
        case .bool(let value): put(value)
        case .int2(let value): put(integer: value)
        case .int4(let value): put(integer: value)
        case .int8(let value): put(integer: value)
        case .float8(let value): put(integer: value.bitPattern)
        case .text(let value): put(value)
        case .bytea(let value): bytes.append(contentsOf: value)
        case .jsonb(let value): put(json: value)
        case .uuid(let high, let low): put(uuid: (high, low))
        case .timestamptz(let value): put(integer: value &- postgresEpochMicroseconds)
        case .int2Array(let values): array(values, of: .int2) { $0.put(integer: $1) }
        case .int4Array(let values): array(values, of: .int4) { $0.put(integer: $1) }
        case .int8Array(let values): array(values, of: .int8) { $0.put(integer: $1) }
        case .int8ArrayOfOptionals(let values): optionalArray(values, of: .int8) { $0.put(integer: $1) }
        case .float8Array(let values): array(values, of: .float8) { $0.put(integer: $1.bitPattern) }
        case .textArray(let values): array(values, of: .text) { $0.put($1) }
        case .textArrayOfOptionals(let values): optionalArray(values, of: .text) { $0.put($1) }
        case .jsonbArray(let values): array(values, of: .jsonb) { $0.put(json: $1) }
        case .byteaArray(let values): array(values, of: .bytea) { $0.bytes.append(contentsOf: $1) }
        case .uuidArray(let values): array(values, of: .uuid) { $0.put(uuid: $1) }
        case .timestamptzArray(let values):
            array(values, of: .timestamptz) { $0.put(integer: $1 &- postgresEpochMicroseconds) }
        }
    }

    // MARK: - Elements

    private mutating func put(_ value: Bool) { bytes.append(value ? 1 : 0) }

    private mutating func put(integer value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }

    private mutating func put(_ value: String) { bytes.append(contentsOf: value.utf8) }

    /// `jsonb_recv`: a format version of 1, then the text.
    private mutating func put(json value: String) {
        bytes.append(1)
        bytes.append(contentsOf: value.utf8)
    }

    private mutating func put(uuid value: (high: UInt64, low: UInt64)) {
        put(integer: value.high)
        put(integer: value.low)
    }

    // MARK: - Arrays (array_recv): dimensions, "has NULLs", element type, then per dimension size and lower bound

    private mutating func arrayHead(count: Int, hasNulls: Bool, of type: PostgresType) {
        put(integer: Int32(count == 0 ? 0 : 1))
        put(integer: Int32(hasNulls ? 1 : 0))
        put(integer: type.rawValue)
        guard count > 0 else { return }
        put(integer: Int32(clamping: count))
        put(integer: Int32(1))
    }

    private mutating func array<Element>(
        _ values: [Element], of type: PostgresType, _ put: (inout ParameterBuffer, Element) -> Void
    ) {
        arrayHead(count: values.count, hasNulls: false, of: type)
        for value in values { element(value, put) }
    }

    private mutating func optionalArray<Element>(
        _ values: [Element?], of type: PostgresType, _ put: (inout ParameterBuffer, Element) -> Void
    ) {
        arrayHead(count: values.count, hasNulls: true, of: type)
        for value in values {
            if let value { element(value, put) } else { self.put(integer: Int32(-1)) }
        }
    }

    /// The length is written after the element, into the four bytes kept free for it.
    private mutating func element<Element>(_ value: Element, _ put: (inout ParameterBuffer, Element) -> Void) {
        let head = bytes.count
        self.put(integer: Int32(0))
        put(&self, value)
        let length = UInt32(truncatingIfNeeded: bytes.count - head - 4)
        bytes[head] = UInt8(truncatingIfNeeded: length >> 24)
        bytes[head + 1] = UInt8(truncatingIfNeeded: length >> 16)
        bytes[head + 2] = UInt8(truncatingIfNeeded: length >> 8)
        bytes[head + 3] = UInt8(truncatingIfNeeded: length)
    }
}

extension PostgresValue {
    /// About how many bytes the binary form takes, so that a batch of bodies is copied into a buffer of the right size.
    var estimatedSize: Int {
        switch self {
        case .bytea(let value): value.count
        case .byteaArray(let values): values.reduce(20) { $0 + $1.count + 4 }
        case .text(let value), .jsonb(let value): value.utf8.count + 1
        case .textArray(let values), .jsonbArray(let values): values.reduce(20) { $0 + $1.utf8.count + 5 }
        case .uuidArray(let values): 20 + values.count * 20
        default: 16
        }
    }
}
