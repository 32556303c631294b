/// The stored form of a model: what the snapshot file and `model.parameters` hold. All numbers little-endian.
///
/// `MARTLETM`, version, tables (kind, bits, scale, one signed byte per slot), fusion, calibration, CRC-32. A weight is
/// `sign(q) * (q / 127)^2 * scale`: small weights, which are most of them, keep the finer steps.
package enum ModelFile {
    package enum Failure: Error, Equatable {
        case notAModel, unknownVersion(Int), damaged, unexpectedShape
    }

    static let magic: [UInt8] = Array("MARTLETM".utf8)
    static let version: UInt16 = 1
    private static let phishKind: UInt8 = 0x80

    package static func encode(_ model: SpamModel) -> [UInt8] {
        var output = magic
        append(version, to: &output)
        append(model.examples, to: &output)
        append(UInt16(model.tables.count + 1), to: &output)
        for (kind, table) in model.tables.enumerated() {
            append(table, kind: UInt8(truncatingIfNeeded: kind), to: &output)
        }
        append(model.phish, kind: phishKind, to: &output)
        let numbers =
            [model.fusion.bias] + model.fusion.weights
            + [model.calibration.slope, model.calibration.offset, model.calibration.threshold, model.phishBias]
        for number in numbers { append(number.bitPattern, to: &output) }
        append(CRC32.checksum(output[...]), to: &output)
        return output
    }

    package static func decode(_ bytes: [UInt8]) throws(Failure) -> SpamModel {
        guard bytes.starts(with: magic) else { throw .notAModel }
        guard bytes.count > magic.count + 4 else { throw .damaged }
        var reader = Reader(bytes: bytes, position: magic.count, end: bytes.count - 4)
        let fileVersion: UInt16 = try reader.integer()
        guard fileVersion == version else { throw .unknownVersion(Int(fileVersion)) }
        var tail = Reader(bytes: bytes, position: bytes.count - 4, end: bytes.count)
        guard try tail.integer() as UInt32 == CRC32.checksum(bytes[..<(bytes.count - 4)]) else { throw .damaged }
        var model = SpamModel()
        model.examples = try reader.integer()
        guard try reader.integer() as UInt16 == UInt16(FeatureView.count + 1) else { throw .unexpectedShape }
        for view in FeatureView.allCases {
            model.tables[view.rawValue] = try table(
                &reader, kind: UInt8(truncatingIfNeeded: view.rawValue), bits: view.bits)
        }
        model.phish = try table(&reader, kind: phishKind, bits: SpamModel.phishBits)
        model.fusion.bias = try reader.number()
        for index in model.fusion.weights.indices { model.fusion.weights[index] = try reader.number() }
        model.calibration.slope = try reader.number()
        model.calibration.offset = try reader.number()
        model.calibration.threshold = try reader.number()
        model.phishBias = try reader.number()
        guard reader.position == reader.end else { throw .damaged }
        return model
    }

    // MARK: - Tables

    private static func append(_ table: WeightTable, kind: UInt8, to output: inout [UInt8]) {
        let scale = table.weights.reduce(Float(0)) { max($0, abs($1)) }
        output.append(kind)
        output.append(UInt8(truncatingIfNeeded: table.bits))
        append(scale.bitPattern, to: &output)
        for weight in table.weights {
            let code = scale > 0 ? (127 * (abs(weight) / scale).squareRoot()).rounded() : 0
            output.append(UInt8(bitPattern: Int8(clamping: Int(weight < 0 ? -code : code))))
        }
    }

    private static func table(_ reader: inout Reader, kind: UInt8, bits: Int) throws(Failure) -> WeightTable {
        guard try reader.integer() as UInt8 == kind, try reader.integer() as UInt8 == UInt8(truncatingIfNeeded: bits)
        else {
            throw .unexpectedShape
        }
        let scale = Float(bitPattern: try reader.integer())
        guard scale.isFinite, scale >= 0 else { throw .damaged }
        let values = (0..<256).map { pattern -> Float in
            let code = Float(Int8(bitPattern: UInt8(truncatingIfNeeded: pattern))) / 127
            return (code < 0 ? -1 : 1) * code * code * scale
        }
        let codes = try reader.slice(1 << bits)
        return WeightTable(bits: bits, weights: codes.map { values[Int($0)] })
    }

    // MARK: - Numbers

    private static func append(_ value: some FixedWidthInteger, to output: inout [UInt8]) {
        withUnsafeBytes(of: value.littleEndian) { output.append(contentsOf: $0) }
    }

    /// Reads within bounds or throws.
    private struct Reader {
        let bytes: [UInt8]
        var position: Int
        let end: Int

        mutating func slice(_ count: Int) throws(Failure) -> ArraySlice<UInt8> {
            guard count >= 0, count <= end - position else { throw .damaged }
            defer { position += count }
            return bytes[position..<position + count]
        }

        mutating func integer<Value: FixedWidthInteger & UnsignedInteger>() throws(Failure) -> Value {
            let slice = try slice(Value.bitWidth / 8)
            return slice.reversed().reduce(Value(0)) { Value.bitWidth > 8 ? $0 << 8 | Value($1) : Value($1) }
        }

        mutating func number() throws(Failure) -> Double {
            let value = Double(bitPattern: try integer())
            guard value.isFinite else { throw .damaged }
            return value
        }
    }
}

/// CRC-32 of ISO 3309 (as in PNG and gzip): finds damage, proves no origin.
enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
    }

    static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { $0 >> 8 ^ table[Int(truncatingIfNeeded: ($0 ^ UInt32($1)) & 0xFF)] }
    }
}
