/// docs/configuration.md and the commented example file, made from the declarations.
package enum ConfigurationGuide {
    /// All settings, each once, in the order of the programs; what programs share comes last.
    package static let keys: [SettingKey] = {
        var seen: Set<String> = []
        let all = SettingsRegistry.programs.flatMap(\.keys).filter { seen.insert($0.key).inserted }
        return all.filter { readers(of: $0.key).count <= 2 } + all.filter { readers(of: $0.key).count > 2 }
    }()

    /// The programs that read a key.
    package static func readers(of key: String) -> [String] {
        SettingsRegistry.programs.filter { $0.keys.contains { $0.key == key } }.map(\.name)
    }

    /// The default, or each program's own: `4; smtpd: 6`.
    package static func fallback(of key: SettingKey) -> String {
        let others = SettingsRegistry.programs.compactMap { program -> String? in
            guard let own = program.keys.first(where: { $0.key == key.key }), own.fallback != usual(key.key) else {
                return nil
            }
            return "\(program.name): \(own.fallback)"
        }
        return ([usual(key.key)] + others).filter { !$0.isEmpty }.joined(separator: "; ")
    }

    /// What most programs have.
    private static func usual(_ key: String) -> String {
        var counts: [String: Int] = [:]
        var best = ""
        for program in SettingsRegistry.programs {
            guard let own = program.keys.first(where: { $0.key == key }) else { continue }
            counts[own.fallback, default: 0] += 1
            if counts[own.fallback, default: 0] > counts[best, default: 0] { best = own.fallback }
        }
        return best
    }

    private static func group(_ key: SettingKey) -> String { String(key.key.prefix { $0 != "." }) }

    /// Keys under their first word, in order.
    private static var groups: [(name: String, keys: [SettingKey])] {
        var groups: [(name: String, keys: [SettingKey])] = []
        for key in keys {
            let name = key.key.contains(".") ? group(key) : "process"
            if let index = groups.firstIndex(where: { $0.name == name }) {
                groups[index].keys.append(key)
            } else {
                groups.append((name, [key]))
            }
        }
        return groups
    }

    package static func markdown() -> String {
        var text = introduction + "\n"
        for (name, keys) in groups {
            text += "\n### \(name)\n\n| key | type | default | read by | meaning |\n|---|---|---|---|---|\n"
            for key in keys {
                let marks =
                    requirement(key) + (key.isSecret ? " Secret." : "")
                    + (key.isLive ? " *Live.*" : "")
                let fallback = fallback(of: key)
                text +=
                    "| `\(key.key)` | \(cell(type(of: key))) | \(fallback.isEmpty ? "" : "`\(cell(fallback))`") "
                text += "| \(cell(readersText(key.key))) | \(cell(key.meaning)).\(marks) |\n"
            }
        }
        return text
    }

    /// Bounds are left out where programs differ in them.
    private static func type(of key: SettingKey) -> String {
        let types = Set(declarations(of: key.key).map(\.typeWithBounds))
        return types.count == 1 ? key.typeWithBounds : key.type
    }

    private static func requirement(_ key: SettingKey) -> String {
        let readers = readers(of: key.key)
        let needy = readers.filter { SettingsRegistry.key(key.key, of: $0)?.isRequired ?? false }
        if needy.isEmpty { return "" }
        return needy == readers ? " **Required.**" : " **Required by \(needy.joined(separator: ", ")).**"
    }

    private static func declarations(of key: String) -> [SettingKey] {
        SettingsRegistry.programs.compactMap { program in program.keys.first { $0.key == key } }
    }

    private static func readersText(_ key: String) -> String {
        let readers = readers(of: key)
        if readers.count == SettingsRegistry.programs.count { return "all" }
        return readers.count == SettingsRegistry.daemons.count && !readers.contains("martlet")
            ? "all daemons" : readers.joined(separator: ", ")
    }

    private static func cell(_ text: String) -> String { text.split(separator: "|").joined(separator: "\\|") }

    /// A file that changes nothing until lines of it are uncommented.
    package static func exampleFile() -> String {
        var text = """
            # Settings of Martlet. A line counts once its `#` is gone; what stands here are the defaults.
            # Check it: martlet config check    Take it up: SIGHUP to the daemons (live) or a restart

            """
        for (name, keys) in groups {
            let isFlat = name == "process"
            text += isFlat ? "\n" : "\n#\(name):\n"
            for key in keys {
                let word = key.key.split(separator: ".").dropFirst(isFlat ? 0 : 1).joined(separator: ".")
                let notes = "\(key.typeWithBounds)\(key.isLive ? ", live" : "")\(key.isRequired ? ", required" : "")"
                text += "\(isFlat ? "" : "  ")# \(key.meaning) (\(notes))\n"
                text += "#\(isFlat ? "" : "  ")\(word): \(key.fallbackValue.map(quoted) ?? "")\n"
            }
        }
        return text
    }

    private static func quoted(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || " ._/".utf8.contains(byte)
        }
        return isPlain ? text : "\"\(text)\""
    }

    private static let introduction = """
        # Configuration

        <!-- Made by `martlet config keys --markdown > docs/configuration.md`; a test compares it. -->

        Martlet runs without a configuration file. What differs from the defaults stands in one YAML file for all programs,
        in environment variables, or in both:

        1. the environment: `smtp.mx_port` is `MARTLET_SMTP_MX_PORT`,
        2. the file's section of the program (`accessd:` below),
        3. the rest of the file,
        4. the default.

        `MARTLET_CONFIG` names the file; without it, `\(SettingsFile.defaultPath)` is read if it exists; an empty one means no
        file. A key with the suffix `_file` (variable: `_FILE`) names a file whose first line is the value: for systemd
        credentials and container secrets.

        ```yaml
        smtp:
          hostname: mail.example.org
          max_size: 32 MiB
        tls:
          certificate: /etc/martlet/tls/fullchain.pem
          key: /etc/martlet/tls/key.pem
        accessd:                      # for this program alone
          postgres:
            url_file: /run/credentials/martlet-accessd/postgres
            connections: 16
        ```

        A key that no program reads is refused with its line, and so is a value that is wrong; no daemon starts then. An
        unknown `MARTLET_...` variable is only warned of. Durations are `250ms`, `30s`, `5min`, `24h`, `30d`; sizes are octets
        or `64 MiB`; lists are YAML lists or have commas.

        | command | does |
        |---|---|
        | `martlet config check` | says what is wrong, with the line |
        | `martlet config show` | every setting in use and where it comes from; secrets stay hidden |
        | `martlet config keys` | this list; `--yaml` makes a commented file to begin with |

        **SIGHUP** (`systemctl reload`, `sv hup`) makes a daemon read the file and the certificates again. What is marked
        *live* changes for the next connection, mail or round; the log names changed settings that wait for a restart. If
        anything in the file is wrong, everything stays as it was, and the log says why. Certificates are also taken up by
        themselves within seconds after their files change.

        ## Settings
        """
}
