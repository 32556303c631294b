import Foundation
import MessageGrammar
import Testing

private let corpusFolder = ProcessInfo.processInfo.environment["MARTLET_TEST_DATA"]

/// Thousands of real and broken messages: `MARTLET_TEST_DATA` names the folder with `mime/`, `bounces/`, `threads/` and
/// `mail/`, each with archives of one message per file.
@Suite(.enabled(if: corpusFolder != nil, "needs MARTLET_TEST_DATA, a folder of mail archives"))
struct CorpusTests {
    @Test(arguments: ["mime", "bounces", "threads", "mail"])
    func everyMessageIsReadTheSameHoweverItIsCut(set: String) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "martlet-corpus-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let source = URL(filePath: corpusFolder ?? "").appending(path: set)
        let archives = try FileManager.default.contentsOfDirectory(at: source, includingPropertiesForKeys: nil)
        for archive in archives where archive.lastPathComponent.hasSuffix(".tar.gz") {
            let tar = Process()
            tar.executableURL = URL(filePath: "/usr/bin/env")
            tar.arguments = ["tar", "-xzf", archive.path, "-C", folder.path, "--no-same-owner"]
            try tar.run()
            tar.waitUntilExit()
            #expect(tar.terminationStatus == 0)
        }
        var random = SeededGenerator(seed: 13)
        var count = 0
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: [.isRegularFileKey])
        while let file = files?.nextObject() as? URL {
            guard let bytes = try? Data(contentsOf: file), bytes.count < 4 << 20 else { continue }
            count += 1
            try check(Array(bytes), file.lastPathComponent, &random)
        }
        #expect(count > 100)
    }

    private func check(_ bytes: [UInt8], _ name: String, _ random: inout SeededGenerator) throws {
        let whole = scan(bytes)
        let cuts = (0..<8).map { _ in Int.random(in: 0...bytes.count, using: &random) }.sorted()
        #expect(scan(bytes, cuts: cuts) == whole, "\(name)")
        #expect(try MessageSummary(decoding: whole.encoded()) == whole, "\(name)")
        #expect(whole.preview.unicodeScalars.count <= MessageLimits.previewCharacters)
        checkRanges(whole.structure, within: 0..<bytes.count)
        readLeaves(whole.structure, bytes)
    }

    private func readLeaves(_ part: BodyPart, _ bytes: [UInt8]) {
        for child in part.children { readLeaves(child, bytes) }
        if let enclosed = part.enclosed { readLeaves(enclosed.structure, bytes) }
        guard part.mediaType.isText, part.content == .leaf else { return }
        let decoded = bytes[part.bodyRange].withUnsafeBytes { TransferDecoder.decode($0, encoding: part.encoding) }
        let text = CharsetDecoder.string(decoded, charset: part.parameters.text("charset"))
        if part.subtype == "html" { _ = VisibleText(html: text) }
    }
}
