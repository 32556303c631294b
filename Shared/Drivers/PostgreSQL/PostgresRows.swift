import CLibPQ

/// The result of one statement; owns a `PGresult`. Not Sendable: take the values out where it was made.
package final class PostgresRows: RandomAccessCollection {
    let result: OpaquePointer
    package let count: Int
    /// Rows that an INSERT, UPDATE or DELETE changed, or a SELECT returned.
    package let affected: Int

    init(owning result: OpaquePointer) {
        self.result = result
        self.count = Int(PQntuples(result))
        self.affected = PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
    }

    deinit { PQclear(result) }

    package var startIndex: Int { 0 }
    package var endIndex: Int { count }
    package subscript(row: Int) -> PostgresRow { PostgresRow(rows: self, index: Int32(clamping: row)) }
}

/// One row; keeps its result alive. Column numbers start at 0.
package struct PostgresRow {
    let rows: PostgresRows
    let index: Int32

    package func isNull(_ column: Int) -> Bool { PQgetisnull(rows.result, index, Int32(clamping: column)) != 0 }

    // MARK: - Scalars

    package func bool(_ column: Int) throws(PostgresError) -> Bool {
        let value = try field(column, .bool)
        guard value.count == 1 else { throw wrong(column) }
        return value[0] != 0
    }

    package func int2(_ column: Int) throws(PostgresError) -> Int16 { try narrow(column) }
    package func int4(_ column: Int) throws(PostgresError) -> Int32 { try narrow(column) }
    /// Takes every integer type.
    package func int8(_ column: Int) throws(PostgresError) -> Int64 {
        guard let value = integer(try field(column, nil), type(of: column)) else { throw wrong(column) }
        return value
    }

    package func float8(_ column: Int) throws(PostgresError) -> Double {
        let value = try field(column, .float8)
        guard value.count == 8 else { throw wrong(column) }
        return Double(bitPattern: value.loadUnaligned(as: UInt64.self).bigEndian)
    }

    /// text, varchar, name, json or jsonb.
    package func text(_ column: Int) throws(PostgresError) -> String {
        var value = try field(column, nil)
        switch type(of: column) {
        case .text, .varchar, .bpchar, .name, .json: break
        case .jsonb: value = UnsafeRawBufferPointer(rebasing: value.dropFirst())
        default: throw wrong(column)
        }
        return String(decoding: value, as: UTF8.self)
    }

    package func bytes(_ column: Int) throws(PostgresError) -> [UInt8] { [UInt8](try field(column, .bytea)) }

    /// Microseconds since the Unix epoch.
    package func timestamp(_ column: Int) throws(PostgresError) -> Int64 {
        let value = try field(column, .timestamptz)
        guard value.count == 8 else { throw wrong(column) }
        return Int64(bigEndian: value.loadUnaligned(as: Int64.self)) &+ postgresEpochMicroseconds
    }

    package func uuid(_ column: Int) throws(PostgresError) -> (high: UInt64, low: UInt64) {
        let value = try field(column, .uuid)
        guard value.count == 16 else { throw wrong(column) }
        return (
            UInt64(bigEndian: value.loadUnaligned(as: UInt64.self)),
            UInt64(bigEndian: value.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
    }

    package func optionalInt8(_ column: Int) throws(PostgresError) -> Int64? { isNull(column) ? nil : try int8(column) }
    package func optionalText(_ column: Int) throws(PostgresError) -> String? {
        isNull(column) ? nil : try text(column)
    }
    package func optionalFloat8(_ column: Int) throws(PostgresError) -> Double? {
        isNull(column) ? nil : try float8(column)
    }
    package func optionalTimestamp(_ column: Int) throws(PostgresError) -> Int64? {
        isNull(column) ? nil : try timestamp(column)
    }
    package func optionalUUID(_ column: Int) throws(PostgresError) -> (high: UInt64, low: UInt64)? {
        isNull(column) ? nil : try uuid(column)
    }
    package func optionalBytes(_ column: Int) throws(PostgresError) -> [UInt8]? {
        isNull(column) ? nil : try bytes(column)
    }

    // MARK: - Arrays without NULLs

    package func textArray(_ column: Int) throws(PostgresError) -> [String] {
        try elements(column, .textArray) { String(decoding: $0, as: UTF8.self) }
    }

    package func int8Array(_ column: Int) throws(PostgresError) -> [Int64] {
        try elements(column, .int8Array) { $0.count == 8 ? Int64(bigEndian: $0.loadUnaligned(as: Int64.self)) : nil }
    }

    private func elements<Element>(
        _ column: Int, _ expected: PostgresType, _ decode: (UnsafeRawBufferPointer) -> Element?
    ) throws(PostgresError) -> [Element] {
        let value = try field(column, expected)
        guard let dimensions = word(value, 0) else { throw wrong(column) }
        if dimensions == 0 { return [] }
        guard dimensions == 1, let count = word(value, 12) else { throw wrong(column) }
        var result: [Element] = []
        var position = 20
        for _ in 0..<max(0, count) {
            guard let length = word(value, position), length >= 0, value.count - position - 4 >= Int(length) else {
                throw wrong(column)
            }
            let start = position + 4
            position = start + Int(length)
            guard let element = decode(UnsafeRawBufferPointer(rebasing: value[start..<position])) else {
                throw wrong(column)
            }
            result.append(element)
        }
        return result
    }

    // MARK: - Fields

    /// The value's bytes; alive as long as `rows`.
    private func field(_ column: Int, _ expected: PostgresType?) throws(PostgresError) -> UnsafeRawBufferPointer {
        let number = Int32(clamping: column)
        if let expected, PQftype(rows.result, number) != expected.rawValue { throw wrong(column) }
        guard PQgetisnull(rows.result, index, number) == 0, let start = PQgetvalue(rows.result, index, number) else {
            throw wrong(column)
        }
        return UnsafeRawBufferPointer(start: start, count: Int(PQgetlength(rows.result, index, number)))
    }

    private func type(of column: Int) -> PostgresType? {
        PostgresType(rawValue: PQftype(rows.result, Int32(clamping: column)))
    }

    private func narrow<Integer: FixedWidthInteger>(_ column: Int) throws(PostgresError) -> Integer {
        guard let value = Integer(exactly: try int8(column)) else { throw wrong(column) }
        return value
    }

    private func wrong(_ column: Int) -> PostgresError {
        let state = isNull(column) ? "is NULL" : "has type \(PQftype(rows.result, Int32(clamping: column)))"
        return PostgresError(.decoding, "column \(column) of row \(index) \(state)")
    }
}

private func integer(_ value: UnsafeRawBufferPointer, _ type: PostgresType?) -> Int64? {
    switch (type, value.count) {
    case (.int2, 2): Int64(Int16(bigEndian: value.loadUnaligned(as: Int16.self)))
    case (.int4, 4): Int64(Int32(bigEndian: value.loadUnaligned(as: Int32.self)))
    case (.oid, 4): Int64(UInt32(bigEndian: value.loadUnaligned(as: UInt32.self)))
    case (.int8, 8), (.xid8, 8): Int64(bigEndian: value.loadUnaligned(as: Int64.self))
    default: nil
    }
}

private func word(_ value: UnsafeRawBufferPointer, _ offset: Int) -> Int32? {
    guard offset >= 0, value.count - offset >= 4 else { return nil }
    return Int32(bigEndian: value.loadUnaligned(fromByteOffset: offset, as: Int32.self))
}
