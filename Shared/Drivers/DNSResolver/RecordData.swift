/// Reads record data as it is on the wire. Every length is checked: the bytes come from the network.
enum RecordData {
    /// A domain name (RFC 1035 3.1); libunbound hands it over uncompressed. Lower case, without the final dot.
    static func name(_ data: ArraySlice<UInt8>) -> String? {
        var labels: [String] = []
        var rest = data
        var total = 0
        while let length = rest.popFirst() {
            if length == 0 { return labels.joined(separator: ".") }
            guard length <= 63, rest.count >= Int(length) else { return nil }
            total += Int(length) + 1
            guard total <= 255 else { return nil }
            let label = rest.prefix(Int(length))
            // A byte that is no host name's would end up in logs and commands.
            guard label.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ".") }) else { return nil }
            labels.append(String(decoding: label.map(asciiLowercase), as: UTF8.self))
            rest = rest.dropFirst(Int(length))
        }
        return nil
    }

    static func mailExchange(_ data: [UInt8]) -> MailExchange? {
        guard data.count >= 3, let exchange = name(data[2...]) else { return nil }
        return MailExchange(preference: UInt16(data[0]) << 8 | UInt16(data[1]), exchange: exchange)
    }

    /// A TXT record is a row of character strings; RFC 7208 3.3 and RFC 6376 3.6.2.2 join them without anything between.
    static func text(_ data: [UInt8]) -> [UInt8]? {
        var joined: [UInt8] = []
        var rest = data[...]
        while let length = rest.popFirst() {
            guard rest.count >= Int(length) else { return nil }
            joined += rest.prefix(Int(length))
            rest = rest.dropFirst(Int(length))
        }
        return joined
    }

    private static func asciiLowercase(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte + 32 : byte
    }
}
