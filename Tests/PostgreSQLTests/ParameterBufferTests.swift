import PostgreSQL
import Testing

/// The binary forms against PostgreSQL's documented `*_send` functions, byte by byte.
@Suite("Parameters in binary form")
struct ParameterBufferTests {
    private func encode(_ value: PostgresValue) -> [UInt8] {
        var buffer = ParameterBuffer()
        buffer.append(value)
        return buffer.bytes
    }

    @Test(
        "encodes scalars big-endian",
        arguments: [
            (PostgresValue.bool(true), [1] as [UInt8]),
            (.int2(-2), [0xFF, 0xFE]),
            (.int4(258), [0, 0, 1, 2]),
            (.int8(-1), [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
            (.float8(1), [0x3F, 0xF0, 0, 0, 0, 0, 0, 0]),
            (.text("aé"), [0x61, 0xC3, 0xA9]),
            (.bytea([0, 255]), [0, 255]),
            (.jsonb("{}"), [1, 0x7B, 0x7D]),
            (.uuid(high: 1, low: 2), [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]),
        ])
    func scalars(value: PostgresValue, expected: [UInt8]) {
        #expect(encode(value) == expected)
    }

    @Test("counts time from the year 2000")
    func time() {
        #expect(encode(.timestamptz(microseconds: 946_684_800_000_001)) == [0, 0, 0, 0, 0, 0, 0, 1])
        #expect(encode(.timestamptz(microseconds: 946_684_799_999_999)).allSatisfy { $0 == 0xFF })
    }

    @Test("encodes an array with its head and element lengths")
    func array() {
        let head: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 2, 0, 0, 0, 1]
        #expect(encode(.byteaArray([[7], []])) == head + [0, 0, 0, 1, 7, 0, 0, 0, 0])
    }

    @Test("writes the length of an element of more than 64 KiB in four bytes")
    func longElement() {
        let bytes = encode(.byteaArray([[UInt8](repeating: 1, count: 0x0001_0203)]))
        #expect(Array(bytes[20..<24]) == [0, 1, 2, 3])
        #expect(bytes.count == 24 + 0x0001_0203)
    }

    @Test("marks a NULL in an array, and an empty array has no dimension")
    func optionals() {
        let head: [UInt8] = [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 20, 0, 0, 0, 2, 0, 0, 0, 1]
        let expected = head + [0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 5]
        #expect(encode(.int8ArrayOfOptionals([nil, 5])) == expected)
        #expect(encode(.textArray([])) == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25])
    }

    @Test("keeps NULL and the empty value apart")
    func nullAndEmpty() {
        var buffer = ParameterBuffer()
        buffer.append(.null(.text))
        buffer.append(.text(""))
        buffer.append(.int2(1))
        #expect(buffer.spans.map(\.length) == [-1, 0, 2])
        buffer.reset()
        #expect(buffer.bytes.isEmpty && buffer.spans.isEmpty)
    }
}

@Suite("Errors of the database")
struct PostgresErrorTests {
    @Test(
        "knows which errors pass by themselves",
        arguments: [
            ("40P01", true), ("40001", true), ("57P01", true), ("53300", true), ("55P03", true), ("08006", true),
            ("23505", false), ("42501", false), ("22021", false),
        ])
    func temporary(state: String, expected: Bool) {
        #expect(PostgresError(.server(sqlstate: state)).isTemporary == expected)
    }

    @Test("says nothing of the request in public")
    func publicText() {
        let error = PostgresError(.server(sqlstate: "23505"), "23505 duplicate key")
        #expect(!error.publicText.contains("duplicate"))
    }
}
