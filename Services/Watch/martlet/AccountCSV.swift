/// Reads a list of accounts: RFC 4180, `address[,password]`, with or without a header line.
///
/// Fields may stand in double quotes (then `""` is a quote); lines end with LF or CRLF; empty lines and those that
/// begin with `#` are left out.
struct AccountCSV {
    struct Row {
        let line: Int
        let address: String
        /// Empty when one is to be generated.
        let password: String
    }

    static let maximumSize = 64 << 20

    static func parse(_ bytes: [UInt8]) throws -> [Row] {
        guard bytes.count <= maximumSize else { throw Failure.data("the file has more than 64 MiB") }
        var rows: [Row] = []
        var reader = Reader(bytes: bytes)
        while let (line, fields) = try reader.nextRecord() {
            if fields.count == 1, fields[0].isEmpty || fields[0].hasPrefix("#") { continue }
            if rows.isEmpty, fields[0].lowercased() == "address" { continue }
            guard fields.count <= 2 else { throw Failure.data("line \(line): more than two fields") }
            rows.append(Row(line: line, address: fields[0], password: fields.count > 1 ? fields[1] : ""))
        }
        return rows
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0
        var line = 1

        init(bytes: [UInt8]) {
            self.bytes = bytes
            // A byte order mark, as spreadsheets write it.
            if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        }

        mutating func nextRecord() throws -> (line: Int, fields: [String])? {
            guard position < bytes.count else { return nil }
            let start = line
            var fields: [String] = []
            while true {
                fields.append(try nextField())
                guard position < bytes.count else { break }
                let separator = bytes[position]
                position += 1
                if separator == UInt8(ascii: "\n") {
                    line += 1
                    break
                }
            }
            return (start, fields)
        }

        /// Up to the comma, the line's end or the end of the file, which stays.
        private mutating func nextField() throws -> String {
            var field: [UInt8] = []
            if position < bytes.count, bytes[position] == UInt8(ascii: "\"") {
                position += 1
                try readQuoted(into: &field)
            }
            while position < bytes.count, bytes[position] != UInt8(ascii: ","), bytes[position] != UInt8(ascii: "\n") {
                field.append(bytes[position])
                position += 1
            }
            if field.last == UInt8(ascii: "\r") { field.removeLast() }
            guard let text = String(validating: field, as: UTF8.self) else {
                throw Failure.data("line \(line): not UTF-8")
            }
            return text
        }

        private mutating func readQuoted(into field: inout [UInt8]) throws {
            let start = line
            while position < bytes.count {
                let byte = bytes[position]
                position += 1
                if byte == UInt8(ascii: "\"") {
                    guard position < bytes.count, bytes[position] == byte else { return }
                    position += 1
                }
                if byte == UInt8(ascii: "\n") { line += 1 }
                field.append(byte)
            }
            throw Failure.data("line \(start): a quote is not closed")
        }
    }
}
