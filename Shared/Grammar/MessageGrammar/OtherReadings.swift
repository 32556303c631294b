/// What programs may read in a mail whose header says two things at once (`MessageSummary.Flags.ambiguous`): the text with
/// each transfer encoding undone, whatever is declared. A filter that judged one reading alone could be shown that one.
package enum OtherReadings {
    /// Shorter runs are words.
    private static let shortestRun = 24

    /// All that `bytes`, a mail or its beginning, may say: as it is, and with every encoding undone.
    package static func all(of bytes: ArraySlice<UInt8>) -> [UInt8] {
        var text = bytes.withUnsafeBytes { TransferDecoder.decode($0, encoding: "quoted-printable") }
        text.append(contentsOf: encoded(in: bytes))
        return text
    }

    /// What lines say that can be read as base64, one run of them after the other.
    package static func encoded(in bytes: ArraySlice<UInt8>) -> [UInt8] {
        var text: [UInt8] = []
        var run: [UInt8] = []
        func end() {
            if run.count >= shortestRun {
                text.append(contentsOf: run.withUnsafeBytes { TransferDecoder.decode($0, encoding: "base64") })
                text.append(UInt8(ascii: "\n"))
            }
            run.removeAll(keepingCapacity: true)
        }
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            if line.isEmpty || !line.allSatisfy(isBase64) {
                end()
            } else {
                run.append(contentsOf: line)
                // A line that is padded ends what was encoded.
                if line.last == UInt8(ascii: "=") { end() }
            }
        }
        end()
        return text
    }

    private static func isBase64(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="):
            true
        default: false
        }
    }
}
