import MailWire

/// The body of DATA: `DataFramer`, and `DotStuffing` back.
enum SMTPDataOracle {
    private struct Framed: Equatable {
        var body: [UInt8] = []
        var consumed = 0
        var isEnded = false
        var isBad = false
    }

    static func check(_ input: [UInt8]) throws(OracleFailure) {
        let framed = try Division.expectSame("DATA", input) { (pieces) throws(OracleFailure) in try frame(pieces) }
        try compare(framed, with: reference(input))
        guard framed.isEnded else { return }
        try endIsTrueEnd(input, framed)
        if !framed.isBad { try roundTrip(framed.body) }
    }

    private static func frame(_ pieces: [[UInt8]]) throws(OracleFailure) -> Framed {
        var framer = DataFramer()
        var framed = Framed()
        for piece in pieces {
            let progress = piece.withUnsafeBytes { framer.feed($0, into: &framed.body) }
            framed.consumed += progress.consumed
            try expectEqual(progress.isEnded, framer.isEnded, "progress and framer disagree")
            try expect(progress.isEnded || progress.consumed == piece.count, "bytes left without an end")
            if progress.isEnded { break }
        }
        framed.isEnded = framer.isEnded
        framed.isBad = framer.isBad
        try expectEqual(framer.length, framed.body.count, "length")
        return framed
    }

    /// RFC 5321 4.1.1.4 and 4.5.2 in the plainest way: split at CRLF, look at the dots. `nil`: no end.
    private static func reference(_ bytes: [UInt8]) -> Framed? {
        var framed = Framed()
        var position = 0
        while let end = (position..<max(position, bytes.count - 1)).first(where: {
            bytes[$0] == 13 && bytes[$0 + 1] == 10
        }) {
            var line = bytes[position..<end]
            position = end + 2
            framed.consumed = position
            framed.isEnded = line.elementsEqual([46])
            if framed.isEnded { return framed }
            if line.first == 46 { line.removeFirst() }
            framed.isBad = framed.isBad || line.contains(13) || line.contains(10)
            framed.body += line + [13, 10]
        }
        return nil
    }

    private static func compare(_ framed: Framed, with reference: Framed?) throws(OracleFailure) {
        guard let reference else { return try expect(!framed.isEnded, "ended without CRLF . CRLF") }
        try expectEqual(framed.isEnded, true, "the end was missed")
        try expectEqual(framed.consumed, reference.consumed, "another end")
        try expectEqual(framed.isBad, reference.isBad, "bare CR or LF")
        if !framed.isBad { try expectEqual(framed.body, reference.body, "body") }
    }

    /// One end of data is one message: before it there is none, and what stood behind it is not touched.
    private static func endIsTrueEnd(_ input: [UInt8], _ framed: Framed) throws(OracleFailure) {
        let taken = input[..<framed.consumed]
        let wanted: [UInt8] = taken.count == 3 ? [46, 13, 10] : [13, 10, 46, 13, 10]
        try expect(taken.suffix(wanted.count).elementsEqual(wanted), "ended elsewhere than at CRLF . CRLF")
        let shorter = try frame([Array(taken.dropLast())])
        try expect(!shorter.isEnded, "ended before its last byte")
    }

    /// What was taken in goes out again, and comes in the same at the next server.
    private static func roundTrip(_ body: [UInt8]) throws(OracleFailure) {
        let wire = try Division.expectSame("dot-stuffing", body) { pieces in
            var stuffing = DotStuffing()
            var wire: [UInt8] = []
            for piece in pieces { piece.withUnsafeBytes { stuffing.encode($0, into: &wire) } }
            stuffing.end(into: &wire)
            return wire
        }
        let again = try frame([wire])
        try expectEqual(again, Framed(body: body, consumed: wire.count, isEnded: true, isBad: false), "round trip")
    }
}
