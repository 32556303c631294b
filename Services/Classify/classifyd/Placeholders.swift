/// What the collectors of the collections put in place of names and addresses. Left alone it would be the surest
/// sign of ham ("John Doe" stands 825 times in modern-ham) or spam (`[removed]` in every scam).
enum Placeholders {
    private static let neutral: [(from: [UInt8], to: [UInt8])] = [
        ("John Doe", ""), ("JOHN DOE", ""), ("[removed]", " <user@mailbox.invalid>"),
        ("user@example.com", "user@mailbox.invalid"), ("recipient@example.com", "user@mailbox.invalid"),
        ("RECIPIENT@example.com", "user@mailbox.invalid"),
    ].map { (Array($0.0.utf8), Array($0.1.utf8)) }

    static func neutralised(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            let match = neutral.first { $0.from.first == byte && bytes[index...].starts(with: $0.from) }
            if let match {
                output += match.to
                index += match.from.count
            } else {
                output.append(byte)
                index += 1
            }
        }
        return output
    }
}
