/// Something that must hold for every input does not hold for this one.
package struct OracleFailure: Error, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}

func expect(_ holds: Bool, _ what: @autoclosure () -> String) throws(OracleFailure) {
    if !holds { throw OracleFailure(what()) }
}

func expectEqual<Value: Equatable>(
    _ left: Value, _ right: Value, _ what: @autoclosure () -> String
) throws(OracleFailure) {
    if left != right { throw OracleFailure("\(what()): \(left) and \(right)") }
}
