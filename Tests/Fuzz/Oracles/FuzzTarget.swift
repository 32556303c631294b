/// What is fuzzed. The raw value is the name of the folders and, behind `fuzz-`, of the program.
package enum FuzzTarget: String, CaseIterable, Sendable {
    case smtpData = "smtp-data"

    /// Checks all that must hold for `input`. A trap is a finding too.
    package func check(_ input: [UInt8]) throws(OracleFailure) {
        switch self {
        case .smtpData: try SMTPDataOracle.check(input)
        }
    }

    /// For libFuzzer: whoever calls this is told of a failure by the end of the process.
    package func run(_ start: UnsafePointer<UInt8>?, _ count: Int) {
        do {
            try check(Array(UnsafeBufferPointer(start: start, count: count)))
        } catch {
            fatalError("\(rawValue): \(error)")
        }
    }
}
