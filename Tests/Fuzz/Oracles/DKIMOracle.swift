import Crypto
import DKIM

/// What a signature covers: the same bytes however the mail came.
enum DKIMOracle {
    private enum Outcome: Equatable {
        case hashed(subject: [[UInt8]], [UInt8])
        case refused(DKIMError)
    }

    static func check(_ input: [UInt8]) throws(OracleFailure) {
        let hash = try Division.expectSame("body hash", input) { pieces in
            var hash = DKIMBodyHash()
            for piece in pieces { hash.update(piece) }
            return hash.finish()
        }
        try expectEqual(hash, Array(SHA256.hash(data: canonical(input))), "relaxed body")
        _ = try Division.expectSame("message hash", input) { pieces in message(pieces) }
        if let record = try? DKIMKeyRecord(input) {
            try expect(record.isRevoked == record.publicKey.isEmpty, "a key record with half a key")
        }
    }

    private static func message(_ pieces: [[UInt8]]) -> Outcome {
        var hash = DKIMMessageHash()
        for piece in pieces { hash.update(piece) }
        do {
            let (header, bodyHash) = try hash.finish()
            return .hashed(subject: header.values("subject"), bodyHash)
        } catch {
            return .refused(error)
        }
    }

    /// RFC 6376 3.4.4 in the plainest way. A CR or LF alone is text.
    private static func canonical(_ body: [UInt8]) -> [UInt8] {
        var lines: [[UInt8]] = [[]]
        var index = 0
        while index < body.count {
            if body[index] == 13, index + 1 < body.count, body[index + 1] == 10 {
                lines.append([])
                index += 2
                continue
            }
            lines[lines.count - 1].append(body[index])
            index += 1
        }
        lines = lines.map { line in
            var reduced: [UInt8] = []
            for byte in line where !((byte == 32 || byte == 9) && reduced.last == 32) {
                reduced.append(byte == 9 ? 32 : byte)
            }
            if reduced.last == 32 { reduced.removeLast() }
            return reduced
        }
        while lines.last == [] { lines.removeLast() }
        return lines.flatMap { $0 + [13, 10] }
    }
}
