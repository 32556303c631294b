import MailCore

/// The stored form of a model: what the snapshot file and `model.parameters` hold. All numbers little-endian.
///
/// `MARTLETM`, version, examples, tables (kind, bits, length, weights), fusion, calibrations, biases, memory, CRC-32.
/// The weights of a table are variable-length integers, those of the slow learner and then by how much the fast one
/// differs, with runs of zeros counted: a model that has not learnt since it was made takes hardly more for two learners
/// than for one. Reading gives exactly what was written.
///
/// Version 1 (one learner a view, one signed byte a weight, no categories, no memory) is still read.
package enum ModelFile {
    package enum Failure: Error, Equatable {
        case notAModel, unknownVersion(Int), damaged, unexpectedShape
    }

    static let magic: [UInt8] = Array("MARTLETM".utf8)
    static let version: UInt16 = 2

    package static func encode(_ model: SpamModel) -> [UInt8] {
        var output = magic
        append(version, to: &output)
        append(model.examples, to: &output)
        append(UInt16(slots.count), to: &output)
        for (kind, slot) in slots.enumerated() {
            output.append(UInt8(truncatingIfNeeded: kind))
            append(model[keyPath: slot.path], to: &output)
        }
        let numbers =
            [model.fusion.bias] + model.fusion.weights + numbers(model.calibration) + numbers(model.firstCalibration)
            + [model.phishBias] + model.categories.kinds.map(\.bias)
        for number in numbers { append(number.bitPattern, to: &output) }
        append(model.memory, to: &output)
        append(CRC32.checksum(output[...]), to: &output)
        return output
    }

    package static func decode(_ bytes: [UInt8]) throws(Failure) -> SpamModel {
        guard bytes.starts(with: magic) else { throw .notAModel }
        guard bytes.count > magic.count + 6 else { throw .damaged }
        var reader = Reader(bytes: bytes, position: magic.count, end: bytes.count - 4)
        let fileVersion: UInt16 = try reader.integer()
        guard fileVersion == 1 || fileVersion == version else { throw .unknownVersion(Int(fileVersion)) }
        var tail = Reader(bytes: bytes, position: bytes.count - 4, end: bytes.count)
        guard try tail.integer() as UInt32 == CRC32.checksum(bytes[..<(bytes.count - 4)]) else { throw .damaged }
        let model = fileVersion == 1 ? try decodeFirst(&reader) : try decodeSecond(&reader)
        guard reader.position == reader.end else { throw .damaged }
        return model
    }

    /// The version of a file that can be read; `nil` for anything else.
    package static func version(of bytes: [UInt8]) -> Int? {
        guard bytes.starts(with: magic) else { return nil }
        var reader = Reader(bytes: bytes, position: magic.count, end: bytes.count)
        let version: UInt16? = try? reader.integer()
        return version.map(Int.init)
    }

    package static var currentVersion: Int { Int(version) }

    // MARK: - Versions

    private static func decodeSecond(_ reader: inout Reader) throws(Failure) -> SpamModel {
        var model = SpamModel()
        model.examples = try reader.integer()
        guard try reader.integer() as UInt16 == UInt16(slots.count) else { throw .unexpectedShape }
        for (kind, slot) in slots.enumerated() {
            guard try reader.integer() as UInt8 == UInt8(truncatingIfNeeded: kind) else { throw .unexpectedShape }
            model[keyPath: slot.path] = try table(&reader, bits: slot.bits)
        }
        model.fusion.bias = try reader.number()
        for index in model.fusion.weights.indices { model.fusion.weights[index] = try reader.number() }
        model.calibration = try calibration(&reader)
        model.firstCalibration = try calibration(&reader)
        model.phishBias = try reader.number()
        for index in model.categories.kinds.indices { model.categories.kinds[index].bias = try reader.number() }
        model.memory = try memory(&reader)
        return model
    }

    /// Both learners start from the one there was, each with half of its say.
    private static func decodeFirst(_ reader: inout Reader) throws(Failure) -> SpamModel {
        var model = SpamModel()
        model.examples = try reader.integer()
        guard try reader.integer() as UInt16 == UInt16(FeatureView.count + 1) else { throw .unexpectedShape }
        for view in FeatureView.allCases {
            guard try reader.integer() as UInt8 == UInt8(truncatingIfNeeded: view.rawValue),
                try reader.integer() as UInt8 == UInt8(truncatingIfNeeded: view.bits)
            else { throw .unexpectedShape }
            model.tables[view.rawValue] = try coarseTable(&reader, bits: view.bits)
        }
        guard try reader.integer() as UInt8 == 0x80,
            try reader.integer() as UInt8 == UInt8(truncatingIfNeeded: SpamModel.phishBits)
        else { throw .unexpectedShape }
        model.phish = try coarseTable(&reader, bits: SpamModel.phishBits)
        model.fusion.bias = try reader.number()
        for index in 0..<FeatureView.count {
            let half = try reader.number() / 2
            model.fusion.weights[index] = half
            model.fusion.weights[index + FeatureView.count] = half
        }
        model.calibration = try calibration(&reader)
        model.firstCalibration = model.calibration
        model.phishBias = try reader.number()
        return model
    }

    private static func numbers(_ calibration: SpamModel.Calibration) -> [Double] {
        [calibration.slope, calibration.offset, calibration.threshold]
    }

    private static func calibration(_ reader: inout Reader) throws(Failure) -> SpamModel.Calibration {
        var calibration = SpamModel.Calibration()
        calibration.slope = try reader.number()
        calibration.offset = try reader.number()
        calibration.threshold = try reader.number()
        return calibration
    }

    // MARK: - Tables

    /// Every table of a model, in the order of the file.
    private static let slots: [(path: any WritableKeyPath<SpamModel, WeightTable> & Sendable, bits: Int)] =
        FeatureView.allCases.map { (\SpamModel.tables[$0.rawValue], $0.bits) }
        + [(\SpamModel.phish, SpamModel.phishBits)]
        + (0..<Verdict.Category.allCases.count).flatMap { kind in
            [
                (\SpamModel.categories.kinds[kind].words, CategoryModel.wordBits),
                (\SpamModel.categories.kinds[kind].facts, CategoryModel.factBits),
            ]
        }

    private static func append(_ table: WeightTable, to output: inout [UInt8]) {
        output.append(UInt8(truncatingIfNeeded: table.bits))
        var numbers: [UInt8] = []
        numbers.reserveCapacity(2 * table.weights.count)
        appendNumbers(table.weights.lazy.map { Int32($0.x) }, to: &numbers)
        appendNumbers(table.weights.lazy.map { Int32($0.y) - Int32($0.x) }, to: &numbers)
        append(UInt32(truncatingIfNeeded: numbers.count), to: &output)
        output += numbers
    }

    private static func table(_ reader: inout Reader, bits: Int) throws(Failure) -> WeightTable {
        guard try reader.integer() as UInt8 == UInt8(truncatingIfNeeded: bits) else { throw .unexpectedShape }
        let length: UInt32 = try reader.integer()
        var numbers = VarintReader(try reader.slice(Int(length)))
        let slow = try integers(&numbers, count: 1 << bits)
        let rest = try integers(&numbers, count: 1 << bits)
        guard numbers.isAtEnd else { throw .damaged }
        var weights = [SIMD2<Int16>](repeating: .zero, count: 1 << bits)
        for index in weights.indices {
            weights[index] = SIMD2(Int16(clamping: slow[index]), Int16(clamping: slow[index] &+ rest[index]))
        }
        return WeightTable(bits: bits, weights: weights)
    }

    /// Zigzag integers; a zero is followed by how many more come after it.
    private static func appendNumbers(_ values: some Sequence<Int32>, to output: inout [UInt8]) {
        var zeros: UInt32 = 0
        func flush() {
            guard zeros > 0 else { return }
            output.append(0)
            output.appendVarint(zeros - 1)
            zeros = 0
        }
        for value in values {
            if value == 0 {
                zeros += 1
            } else {
                flush()
                output.appendVarint(Zigzag.encode(value))
            }
        }
        flush()
    }

    private static func integers(_ numbers: inout VarintReader, count: Int) throws(Failure) -> [Int32] {
        var values = [Int32](repeating: 0, count: count)
        var index = 0
        while index < count {
            guard let number = numbers.next() else { throw .damaged }
            if number != 0 {
                values[index] = Zigzag.decode(number)
                index += 1
            } else {
                guard let more = numbers.next(), Int(more) < count - index else { throw .damaged }
                index += 1 + Int(more)
            }
        }
        return values
    }

    /// Of version 1: `sign(q) * (q / 127)^2 * scale`.
    private static func coarseTable(_ reader: inout Reader, bits: Int) throws(Failure) -> WeightTable {
        let scale = Float(bitPattern: try reader.integer())
        guard scale.isFinite, scale >= 0, scale < 1000 else { throw .damaged }
        let values = (0..<256).map { pattern -> SIMD2<Int16> in
            let code = Float(Int8(bitPattern: UInt8(truncatingIfNeeded: pattern))) / 127
            let weight = (code < 0 ? -1 : 1) * code * code * scale * Float(WeightTable.unit)
            return SIMD2(repeating: Int16(clamping: Int(weight.rounded())))
        }
        let codes = try reader.slice(1 << bits)
        return WeightTable(bits: bits, weights: codes.map { values[Int($0)] })
    }

    // MARK: - Memory

    private static func append(_ memory: LessonMemory, to output: inout [UInt8]) {
        append(memory.generator.position, to: &output)
        for kind in memory.kept {
            append(UInt16(truncatingIfNeeded: kind.count), to: &output)
            for example in kind {
                append(UInt32(truncatingIfNeeded: example.count), to: &output)
                output += example
            }
        }
        append(UInt16(truncatingIfNeeded: memory.results.count), to: &output)
        for result in memory.results {
            append(result.fused.bitPattern, to: &output)
            output.append(result.isSpam ? 1 : 0)
        }
    }

    private static func memory(_ reader: inout Reader) throws(Failure) -> LessonMemory {
        let generator = SeededGenerator(seed: try reader.integer())
        var kept: [[[UInt8]]] = []
        for _ in 0..<2 {
            let count: UInt16 = try reader.integer()
            guard count <= UInt16(LessonMemory.capacity) else { throw .damaged }
            var examples: [[UInt8]] = []
            for _ in 0..<count {
                let length: UInt32 = try reader.integer()
                guard length <= UInt32(LessonMemory.longest) else { throw .damaged }
                examples.append(Array(try reader.slice(Int(length))))
            }
            kept.append(examples)
        }
        let count: UInt16 = try reader.integer()
        guard count <= UInt16(LessonMemory.maximumResults) else { throw .damaged }
        var results: [LessonMemory.Result] = []
        for _ in 0..<count {
            let fused = Float(bitPattern: try reader.integer())
            guard fused.isFinite else { throw .damaged }
            results.append(LessonMemory.Result(fused: fused, isSpam: try reader.integer() as UInt8 == 1))
        }
        return LessonMemory(kept: kept, results: results, generator: generator)
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
