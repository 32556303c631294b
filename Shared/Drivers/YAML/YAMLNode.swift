/// What a YAML document says, with the line (from 1) where each part begins. Every scalar is text, as it was written.
package indirect enum YAMLNode: Sendable, Equatable {
    case scalar(String, line: Int)
    case sequence([YAMLNode], line: Int)
    case mapping([Entry], line: Int)

    package struct Entry: Sendable, Equatable {
        package let key: String
        /// Of the key.
        package let line: Int
        package let value: YAMLNode

        package init(key: String, line: Int, value: YAMLNode) {
            self.key = key
            self.line = line
            self.value = value
        }
    }

    package var line: Int {
        switch self {
        case .scalar(_, let line), .sequence(_, let line), .mapping(_, let line): line
        }
    }
}

/// Why a text is no YAML document, or one that this reader does not take.
package struct YAMLError: Error, Equatable {
    package let line: Int
    package let problem: String

    package init(line: Int, problem: String) {
        self.line = line
        self.problem = problem
    }
}
