import Testing
import YAML

@Suite("YAML")
struct YAMLReaderTests {
    private func read(_ text: String) throws -> YAMLNode? { try YAMLReader.read(Array(text.utf8)) }

    @Test("mappings, sequences and scalars with their lines; scalars stay text")
    func tree() throws {
        let text = """
            # settings
            smtp:
              mx_port: 25
              host: [0.0.0.0, "::"]

            greeting: "a: b # c"
            empty:
            """
        #expect(
            try read(text)
                == .mapping(
                    [
                        .init(
                            key: "smtp", line: 2,
                            value: .mapping(
                                [
                                    .init(key: "mx_port", line: 3, value: .scalar("25", line: 3)),
                                    .init(
                                        key: "host", line: 4,
                                        value: .sequence(
                                            [.scalar("0.0.0.0", line: 4), .scalar("::", line: 4)], line: 4)),
                                ], line: 3)),
                        .init(key: "greeting", line: 6, value: .scalar("a: b # c", line: 6)),
                        .init(key: "empty", line: 7, value: .scalar("", line: 7)),
                    ], line: 2))
    }

    @Test("nothing but comments is nothing", arguments: ["", "\n\n", "# a\n# b\n", "---\n...\n"])
    func nothing(_ text: String) throws {
        let root = try read(text)
        #expect(root == nil || root == .scalar("", line: 1) || root == .scalar("", line: 2))
    }

    @Test(
        "what is refused names its line",
        arguments: [
            ("a: 1\nb: 2\na: 3\n", 3, "second time, first in line 1"),
            ("a: &x 1\nb: *x\n", 1, "anchors"),
            ("b: *x\n", 1, "aliases"),
            ("a: !!binary aGk=\n", 1, "tags"),
            ("a: 1\n---\nb: 2\n", 2, "second document"),
            ("a: [1, 2\nb: 3\n", 2, "is no YAML"),
            ("a:\n\t- 1\n", 2, "is no YAML"),
            ("? [a, b]\n: 1\n", 1, "a key must be a word"),
            ("a: \"unfinished\n", 2, "is no YAML"),
        ])
    func refused(_ text: String, _ line: Int, _ words: String) throws {
        let error = #expect(throws: YAMLError.self) { try read(text) }
        #expect(error?.line == line)
        #expect(error?.problem.contains(words) == true, "\(error?.problem ?? "")")
    }

    @Test("deep nesting ends at the limit, not at the stack")
    func deep() {
        let error = #expect(throws: YAMLError.self) { try read(String(repeating: "[", count: 100_000)) }
        #expect(error?.problem == "nested too deeply")
    }

    @Test("bytes that are no UTF-8 are refused")
    func encoding() {
        #expect(throws: YAMLError.self) { try YAMLReader.read([0x61, 0x3A, 0x20, 0xFF, 0xFE, 0x0A]) }
        #expect(throws: YAMLError.self) { try YAMLReader.read([0x61, 0x3A, 0x20, 0x00, 0x0A]) }
    }

    @Test("any bytes at all end in a tree or an error")
    func anything() {
        var state: UInt64 = 42
        let letters = Array("ab:-[]{}#&*!|>'\"%@`? \n\t,.0".utf8)
        for _ in 0..<3000 {
            var bytes: [UInt8] = []
            for _ in 0..<60 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes.append(letters[Int(state >> 33) % letters.count])
            }
            _ = try? YAMLReader.read(bytes)
        }
    }
}
