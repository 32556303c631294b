import ServiceKit
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite("Declared settings")
struct SettingsRegistryTests {
    @Test("each program declares a key once, with a type, a meaning and a default that is allowed")
    func declarations() {
        for program in SettingsRegistry.programs {
            var seen: Set<String> = []
            for key in program.keys {
                #expect(seen.insert(key.key).inserted, "\(program.name) declares \(key.key) twice")
                #expect(!key.type.isEmpty && !key.meaning.isEmpty && !key.meaning.hasSuffix("."), "\(key.key)")
                #expect(
                    key.key.utf8.allSatisfy {
                        $0 == 46 || $0 == 95 || (97...122).contains($0) || (48...57).contains($0)
                    })
                #expect(!key.key.hasSuffix("_file") || key.type == "path", "\(key.key) looks like a key's file")
                guard let fallback = key.fallbackValue else { continue }
                #expect(key.problem(with: fallback, at: key.key) == nil, "\(program.name): \(key.key) = \(fallback)")
            }
        }
    }

    @Test("programs that share a key agree on what it is")
    func agreement() {
        for key in ConfigurationGuide.keys {
            for reader in ConfigurationGuide.readers(of: key.key) {
                let own = SettingsRegistry.key(key.key, of: reader)
                #expect(own?.type == key.type && own?.isSecret == key.isSecret, "\(reader): \(key.key)")
            }
        }
    }

    @Test("no key is a program's name or the beginning of another key")
    func levels() {
        let keys = ConfigurationGuide.keys.map(\.key)
        for key in keys {
            #expect(SettingsRegistry.program(key) == nil)
            #expect(SettingsRegistry.program(String(key.prefix { $0 != "." })) == nil, "\(key)")
            #expect(!keys.contains { $0.hasPrefix(key + ".") }, "\(key)")
        }
    }

    @Test("every declared key is read somewhere, and declarations are in ServiceKit/Keys alone")
    func sources() throws {
        let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        var text = ""
        for folder in ["Services", "Shared"] {
            let paths = try FileManager.default.subpathsOfDirectory(atPath: "\(root)/\(folder)")
            for path in paths where path.hasSuffix(".swift") && !path.contains("ServiceKit/Keys/") {
                let data = FileManager.default.contents(atPath: "\(root)/\(folder)/\(path)") ?? Data()
                let source = String(decoding: data, as: UTF8.self)
                #expect(!source.contains("SettingKey(\""), "\(path)")
                text += source
            }
        }
        for key in ConfigurationGuide.keys { #expect(text.contains("\"\(key.key)\""), "nobody reads \(key.key)") }
    }

    @Test("docs/configuration.md is what `martlet config keys --markdown` prints")
    func document() throws {
        let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        let path = "/\(root)/docs/configuration.md"
        let data = try #require(FileManager.default.contents(atPath: path))
        #expect(
            String(decoding: data, as: UTF8.self) == ConfigurationGuide.markdown(),
            "stale; run: martlet config keys --markdown > docs/configuration.md")
    }

    @Test("the example file is right, with all lines commented and with all of them uncommented")
    func example() throws {
        let example = ConfigurationGuide.exampleFile()
        #expect(try SettingsFile(example).entries.isEmpty)
        // Settings start with `#` and their indentation, explanations with `# ` and a word.
        let lines = example.split(separator: "\n").filter { line in
            line.hasPrefix("#") && (!line.hasPrefix("# ") || line.hasPrefix("#  "))
        }
        let text = lines.map { $0.dropFirst() }.joined(separator: "\n")
        let file = try SettingsFile(text)
        #expect(file.entries.count == ConfigurationGuide.keys.count)
        for program in SettingsRegistry.programs {
            #expect(Settings(values: [:], file: file, program: program.name).problems() == [])
        }
    }
}
