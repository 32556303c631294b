import YAML

/// Turns the tree into dotted keys and finds what is unknown.
struct Flattening {
    let path: String
    var entries: [SettingsFile.Entry] = []
    var problems: [SettingsError] = []

    init(path: String) { self.path = path }

    mutating func take(_ root: YAMLNode) {
        guard case .mapping(let top, _) = root else {
            // An empty plain scalar is a file with nothing in it.
            if case .scalar("", _) = root { return }
            return refuse("", root.line, "is no mapping", "`key: value` lines")
        }
        for entry in top {
            if SettingsRegistry.program(entry.key) != nil {
                section(entry)
            } else {
                take(entry, prefix: "", section: nil)
            }
        }
    }

    private mutating func section(_ entry: YAMLNode.Entry) {
        switch entry.value {
        case .mapping(let inner, _): for item in inner { take(item, prefix: "", section: entry.key) }
        case .scalar("", _): break
        default: refuse(entry.key, entry.line, "is a section", "settings of \(entry.key) below it")
        }
    }

    private mutating func take(_ entry: YAMLNode.Entry, prefix: String, section: String?) {
        let key = prefix + entry.key
        let isSetting = knows(key, section)
        switch entry.value {
        case .mapping(let inner, _):
            guard !isSetting else { return refuse(key, entry.line, "has settings below it", "a value") }
            guard SettingsFile.hasKeys(below: key, of: section) else { return unknown(key, entry.line, section) }
            for item in inner { take(item, prefix: key + ".", section: section) }
        case .scalar(let text, _):
            if isSetting { return add(key, section, text, entry.line) }
            // A group whose lines are all comments.
            if text.isEmpty, SettingsFile.hasKeys(below: key, of: section) { return }
            unknown(key, entry.line, section)
        case .sequence(let items, _):
            guard isSetting else { return unknown(key, entry.line, section) }
            let parts = items.compactMap { if case .scalar(let text, _) = $0 { text } else { nil } }
            guard parts.count == items.count, !parts.contains(where: { $0.contains(",") }) else {
                return refuse(key, entry.line, "is a list with more than plain values in it", "a list of values")
            }
            add(key, section, parts.joined(separator: ","), entry.line)
        }
    }

    private mutating func add(_ key: String, _ section: String?, _ text: String, _ line: Int) {
        entries.append(SettingsFile.Entry(key: key, section: section, text: text, line: line))
    }

    private func knows(_ key: String, _ section: String?) -> Bool {
        SettingsFile.declaration(key, of: section) != nil
    }

    private mutating func unknown(_ key: String, _ line: Int, _ section: String?) {
        let shown = String(key.prefix(80))
        if let section, SettingsFile.declaration(key, of: nil) != nil {
            return refuse(shown, line, "is no setting of \(section)", "it outside of the section \(section)")
        }
        let near = SettingsFile.nearest(to: key, of: section).map { "; did you mean \($0)?" } ?? ""
        refuse(shown, line, "is no setting", "one that `martlet config keys` lists\(near)")
    }

    private mutating func refuse(_ key: String, _ line: Int, _ problem: String, _ expected: String) {
        let place = key.isEmpty ? "\(path):\(line):" : "\(path):\(line): \(key)"
        problems.append(SettingsError(variable: place, problem: problem, expected: expected))
    }
}
