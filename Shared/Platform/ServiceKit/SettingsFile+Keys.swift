extension SettingsFile {
    /// The declaration of a key or of the setting whose value a `_file` key names.
    package static func declaration(_ key: String, of section: String?) -> SettingKey? {
        if let found = SettingsRegistry.key(key, of: section) { return found }
        guard key.hasSuffix("_file") else { return nil }
        return SettingsRegistry.key(String(key.dropLast(5)), of: section)
    }

    static func keys(of section: String?) -> [SettingKey] {
        if let section { return SettingsRegistry.program(section)?.keys ?? [] }
        return SettingsRegistry.programs.flatMap(\.keys)
    }

    static func hasKeys(below prefix: String, of section: String?) -> Bool {
        keys(of: section).contains { $0.key.hasPrefix(prefix + ".") }
    }

    /// The key that was most likely meant: within two typing errors, or the same last word elsewhere.
    package static func nearest(to key: String, of section: String?) -> String? {
        let keys = keys(of: section).map(\.key)
        let near = keys.map { ($0, EditDistance.between($0, key, atMost: 2)) }.filter { $0.1 <= 2 }
        if let best = near.min(by: { $0.1 < $1.1 }) { return best.0 }
        let word = key.split(separator: ".").last ?? ""
        return keys.first { $0.hasSuffix("." + word) }
    }
}
