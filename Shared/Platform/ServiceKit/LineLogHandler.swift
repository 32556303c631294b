package import Logging

#if canImport(Glibc)
    import Glibc
#endif

/// Writes one record a line to standard error, as `key=value` text or as JSON, with one `write`.
///
/// Text of a peer can be in a record, so control characters are escaped: a record never becomes two lines and never
/// moves a terminal's cursor.
package struct LineLogHandler: LogHandler {
    package enum Format: String, Sendable, CaseIterable { case text, json }

    package var metadata: Logger.Metadata = [:]
    /// The level of the process, unless this logger was given one of its own.
    package var logLevel: Logger.Level {
        get { ownLevel ?? processLevel.level }
        set { ownLevel = newValue }
    }
    private var ownLevel: Logger.Level?
    private let processLevel: LogLevelSwitch
    private let label: String
    private let format: Format
    private let output: @Sendable ([UInt8]) -> Void

    package init(
        label: String, level: Logger.Level, format: Format,
        output: @escaping @Sendable ([UInt8]) -> Void = writeToStandardError
    ) {
        self.init(label: label, following: LogLevelSwitch(level), format: format, output: output)
    }

    /// `level` may change at any time.
    package init(
        label: String, following level: LogLevelSwitch, format: Format,
        output: @escaping @Sendable ([UInt8]) -> Void = writeToStandardError
    ) {
        self.label = label
        self.processLevel = level
        self.format = format
        self.output = output
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var line = LogLine(format: format)
        line.add("time", rfc3339Now())
        line.add("level", event.level.rawValue)
        line.add("daemon", label)
        line.add("msg", event.message.description)
        let all = event.metadata.map { metadata.merging($0) { _, new in new } } ?? metadata
        for (key, value) in all.sorted(by: { $0.key < $1.key }) { line.add(key, "\(value)") }
        if let error = event.error { line.add(LogKey.error, "\(error)") }
        output(line.finish())
    }
}

/// Builds the bytes of one record.
struct LogLine {
    private let format: LineLogHandler.Format
    private var bytes: [UInt8] = []

    init(format: LineLogHandler.Format) {
        self.format = format
        bytes.reserveCapacity(256)
        if format == .json { bytes.append(UInt8(ascii: "{")) }
    }

    mutating func add(_ key: String, _ value: String) {
        switch format {
        case .text:
            if !bytes.isEmpty { bytes.append(UInt8(ascii: " ")) }
            bytes.append(contentsOf: key.utf8)
            bytes.append(UInt8(ascii: "="))
            if value.utf8.allSatisfy(isPlain), !value.isEmpty {
                bytes.append(contentsOf: value.utf8)
            } else {
                quote(value)
            }
        case .json:
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            quote(key)
            bytes.append(UInt8(ascii: ":"))
            quote(value)
        }
    }

    consuming func finish() -> [UInt8] {
        if format == .json { bytes.append(UInt8(ascii: "}")) }
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    private mutating func quote(_ value: String) {
        bytes.append(UInt8(ascii: "\""))
        for scalar in value.unicodeScalars {
            switch scalar.value {
            case 0x22, 0x5C: bytes.append(contentsOf: [UInt8(ascii: "\\"), UInt8(truncatingIfNeeded: scalar.value)])
            case 0x0A: bytes.append(contentsOf: "\\n".utf8)
            case 0x0D: bytes.append(contentsOf: "\\r".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069:
                let digits = String(scalar.value, radix: 16)
                bytes.append(contentsOf: ("\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits).utf8)
            default: bytes.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

/// Bytes that a value of the text form shows without quotes.
private func isPlain(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=") && byte != UInt8(ascii: "\\")
}

private func rfc3339Now() -> String {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return rfc3339(seconds: now.tv_sec, milliseconds: now.tv_nsec / 1_000_000)
}

/// RFC 3339, UTC, milliseconds.
package func rfc3339(seconds: Int, milliseconds: Int) -> String {
    var time = time_t(seconds)
    var parts = tm()
    gmtime_r(&time, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let fraction = String(1000 + milliseconds % 1000).dropFirst()
    let day = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    return "\(day)T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)).\(fraction)Z"
}

/// One `write`, so that records of several threads do not mix (POSIX: atomic up to PIPE_BUF on a pipe).
package func writeToStandardError(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { buffer in
        var rest = buffer
        while let base = rest.baseAddress, !rest.isEmpty {
            let count = write(2, base, rest.count)
            if count > 0 { rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count)) }
            if count < 0, errno == EINTR { continue }
            if count <= 0 { return }  // nobody to tell: the log itself is broken
        }
    }
}
