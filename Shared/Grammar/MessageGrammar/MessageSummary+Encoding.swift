package struct SummaryDecodingError: Error, Equatable {}

extension MessageSummary {
    package func encoded() -> [UInt8] { [1] }
    package init(decoding bytes: [UInt8]) throws(SummaryDecodingError) { self.init() }
}
