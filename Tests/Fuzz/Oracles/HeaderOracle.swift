import MailWire
import MessageGrammar

/// A header block and what its fields say: addresses, dates, encoded words.
enum HeaderOracle {
    static func check(_ input: [UInt8]) throws(OracleFailure) {
        let header = HeaderFields(input)
        var last = 0
        for field in header.fields {
            try expect(field.name.lowerBound >= last && !field.name.isEmpty, "fields overlap")
            try expect(field.body.lowerBound > field.name.upperBound - 1, "a body before its name")
            last = header.wireRange(field).upperBound
            try expect(last <= input.count, "a field beyond the end")
            try value(header.value(field))
        }
        try value(input)
    }

    private static func value(_ value: [UInt8]) throws(OracleFailure) {
        let text = EncodedWord.decode(value)
        try expect(text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a control character in a decoded value")
        for address in AddressList.parse(value) {
            for part in [address.name, address.route, address.mailbox, address.host] {
                try expect(part?.allSatisfy { $0 != 0 && $0 != 13 && $0 != 10 } ?? true, "an odd byte in an address")
            }
        }
        if let date = MailDate.parse(value), date.day.components.year <= 9999 {
            try expectEqual(MailDate.parse(date.headerText), date, "date")
        }
        if value.allSatisfy({ $0 < 0x80 && $0 != 61 && $0 >= 0x20 && $0 != 0x7F }) {
            try expectEqual(Array(text.utf8), value, "plain text changes")
        }
    }
}
