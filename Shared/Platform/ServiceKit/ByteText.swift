/// Sizes as people write them in a setting: `65536`, `64 MiB`, `1GiB`.
package enum ByteText {
    /// `nil` if the text is no size.
    package static func parse(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(digits.count).drop { $0 == " " }
        let scale: Int? =
            switch unit {
            case "", "B": 1
            case "KiB", "K", "k": 1024
            case "MiB", "M": 1_048_576
            case "GiB", "G": 1_073_741_824
            default: nil
            }
        guard let number = Int(digits), let scale else { return nil }
        let (size, overflow) = number.multipliedReportingOverflow(by: scale)
        return overflow ? nil : size
    }

    /// The shortest form that `parse` reads back.
    package static func format(_ size: Int) -> String {
        for (unit, scale) in [("GiB", 1_073_741_824), ("MiB", 1_048_576), ("KiB", 1024)]
        where size >= scale && size % scale == 0 {
            return "\(size / scale) \(unit)"
        }
        return "\(size)"
    }
}
