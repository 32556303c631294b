#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The files below a folder that may hold mail, in the order of their names; only one folder's names are in memory.
struct MailFolder: Sequence {
    /// Deeper folders are left alone: a link may lead in a circle.
    private static let maximumDepth = 16

    let path: String

    struct Iterator: IteratorProtocol {
        private struct Level {
            let folder: String
            var names: ArraySlice<String>
            let isMaildir: Bool
        }

        private var levels: [Level] = []
        /// When the path is a file.
        private var single: String?

        init(_ path: String) {
            if MailFolder.isFolder(path) { enter(path) } else { single = path }
        }

        private mutating func enter(_ folder: String) {
            // A folder that cannot be read holds nothing for us.
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            let isMaildir = Set(names).isSuperset(of: ["cur", "new"])
            levels.append(Level(folder: folder, names: names.sorted()[...], isMaildir: isMaildir))
        }

        mutating func next() -> String? {
            if let file = single {
                single = nil
                return file
            }
            while let level = levels.last {
                guard let name = level.names.first else {
                    levels.removeLast()
                    continue
                }
                levels[levels.count - 1].names.removeFirst()
                let path = "\(level.folder)/\(name)"
                if MailFolder.isFolder(path) {
                    let isBox = !level.isMaildir || name == "cur" || name == "new" || name.hasPrefix(".")
                    if isBox, levels.count < MailFolder.maximumDepth { enter(path) }
                } else if !level.isMaildir, !name.hasPrefix(".") {
                    // Beside `cur` and `new` a Maildir has files of its server's own (Dovecot's indexes).
                    return path
                }
            }
            return nil
        }
    }

    func makeIterator() -> Iterator { Iterator(path) }

    static func isFolder(_ path: String) -> Bool {
        var isDirectory = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory
    }
}
