/// Lines that a client sends outside commands, without their CRLF.
package enum IMAPContinuationLine {
    /// RFC 2177: ends IDLE.
    package static func isDone(_ line: [UInt8]) -> Bool {
        line.count == 4 && line.elementsEqual("DONE".utf8) { $0 & 0xDF == $1 }
    }

    /// RFC 3501 6.2.2: `*` cancels an AUTHENTICATE exchange.
    package static func isCancel(_ line: [UInt8]) -> Bool { line == [UInt8(ascii: "*")] }
}
