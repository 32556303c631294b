/// Puts a tree together from the events of the parser, without recursion.
struct NodeBuilder {
    enum Container { case sequence, mapping }

    /// A container that is still open.
    private struct Level {
        let container: Container
        let line: Int
        var items: [YAMLNode] = []
        var entries: [YAMLNode.Entry] = []
        var keys: [String: Int] = [:]
        var key: (text: String, line: Int)?
    }

    private let maximumDepth: Int
    private var open: [Level] = []
    private var documents = 0
    private(set) var root: YAMLNode?
    private(set) var isFinished = false

    init(maximumDepth: Int) { self.maximumDepth = maximumDepth }

    mutating func beginDocument(_ line: Int) throws(YAMLError) {
        documents += 1
        if documents > 1 { throw YAMLError(line: line, problem: "a second document (---) is not taken here") }
    }

    mutating func finish() { isFinished = true }

    mutating func begin(_ container: Container, _ line: Int) throws(YAMLError) {
        guard open.count < maximumDepth else { throw YAMLError(line: line, problem: "nested too deeply") }
        if let level = open.last, level.container == .mapping, level.key == nil {
            throw YAMLError(line: line, problem: "a key must be a word")
        }
        open.append(Level(container: container, line: line))
    }

    mutating func end(_ line: Int) throws(YAMLError) {
        guard let level = open.popLast() else { throw YAMLError(line: line, problem: "ends what did not begin") }
        add(
            level.container == .sequence
                ? .sequence(level.items, line: level.line) : .mapping(level.entries, line: level.line))
    }

    mutating func add(scalar text: String, _ line: Int) throws(YAMLError) {
        guard var level = open.last, level.container == .mapping, level.key == nil else {
            return add(.scalar(text, line: line))
        }
        if let first = level.keys.updateValue(line, forKey: text) {
            throw YAMLError(
                line: line, problem: "'\(text.prefix(40))' stands here a second time, first in line \(first)")
        }
        level.key = (text, line)
        open[open.count - 1] = level
    }

    private mutating func add(_ node: YAMLNode) {
        guard var level = open.popLast() else {
            root = node
            return
        }
        if let key = level.key {
            level.entries.append(YAMLNode.Entry(key: key.text, line: key.line, value: node))
            level.key = nil
        } else {
            level.items.append(node)
        }
        open.append(level)
    }
}
