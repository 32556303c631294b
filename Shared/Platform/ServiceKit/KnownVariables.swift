import Logging

/// The environment variables `MARTLET_*` that mean something.
package enum KnownVariables {
    /// Those of this process that are none of ours: misspelt, most likely. Secrets may be in values, so only names count.
    /// To be asked before `ProcessLimits.apply`, which closes the environment to everybody but root.
    package static func strangers() -> [String] {
        guard let block = SmallFile.bytes(of: "/proc/self/environ", atMost: 4 << 20) else { return [] }
        return strangers(
            in: block.split(separator: 0).map { String(decoding: $0.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self) }
        )
    }

    package static func strangers(in names: [String]) -> [String] {
        let known = Set(SettingsRegistry.programs.flatMap(\.keys).map(\.variable))
            .union(SettingsRegistry.otherVariables)
        return names.filter { name in
            guard name.hasPrefix("MARTLET_"), !name.hasPrefix("MARTLET_TEST_") else { return false }
            return !known.contains(name) && !(name.hasSuffix("_FILE") && known.contains(String(name.dropLast(5))))
        }.sorted()
    }

    /// The variable that was most likely meant.
    package static func nearest(to name: String) -> String? {
        let key = name.dropFirst("MARTLET_".count).lowercased()
        let all = SettingsRegistry.programs.flatMap(\.keys)
        let near = all.map { ($0, EditDistance.between($0.variable.dropFirst(8).lowercased(), key, atMost: 2)) }
        return near.filter { $0.1 <= 2 }.min { $0.1 < $1.1 }?.0.variable
    }

    static func warn(of strangers: [String], _ logger: Logger) {
        for name in strangers {
            let hint = nearest(to: name).map { "; did you mean \($0)?" } ?? ""
            logger.warning("\(name) is no setting\(hint)", metadata: [LogKey.reason: "unknown_setting"])
        }
    }
}
