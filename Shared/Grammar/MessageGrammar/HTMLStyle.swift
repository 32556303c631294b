import MailWire

/// The little CSS that decides whether text can be seen. A child inherits what its parent has.
struct HTMLStyle: Equatable {
    /// `display:none`, zero boxes, `opacity:0`, far off the page: no child can undo it.
    var isRemoved = false
    /// `visibility:hidden`; a child may become visible again.
    var isInvisible = false
    /// `font-size:0` and the like; a child may have a size again, as many well-meant layouts do.
    var isTiny = false
    var color: UInt32 = 0x000000
    var background: UInt32 = 0xFFFFFF
    /// `color:transparent`.
    var isTransparent = false

    var isHidden: Bool { isRemoved || isInvisible || isTiny || isTransparent || Self.areAlike(color, background) }

    /// Nobody tells apart what differs by less than this in every channel.
    private static let distinguishable: Int32 = 10

    private static func areAlike(_ one: UInt32, _ other: UInt32) -> Bool {
        [16, 8, 0].allSatisfy { (shift: UInt32) in
            abs(Int32(one >> shift & 0xFF) - Int32(other >> shift & 0xFF)) < distinguishable
        }
    }

    /// Applies `name:value;...` declarations.
    mutating func apply(_ css: UnsafeRawBufferPointer) {
        var hasNoHeight = false
        var clips = false
        var position = 0
        while position < css.count {
            let end = css[position...].firstIndex(of: UInt8(ascii: ";")) ?? css.count
            if let colon = css[position..<end].firstIndex(of: UInt8(ascii: ":")) {
                let name = ASCII.trimmedRange(css, position..<colon)
                let value = ASCII.trimmedRange(css, colon + 1..<end)
                let declaration = Declaration(
                    UnsafeRawBufferPointer(rebasing: css[name]), UnsafeRawBufferPointer(rebasing: css[value]))
                apply(declaration)
                if declaration.isZeroBox { hasNoHeight = true }
                if declaration.isClipping { clips = true }
            }
            position = end + 1
        }
        if hasNoHeight, clips { isRemoved = true }
    }

    private mutating func apply(_ css: Declaration) {
        switch css.name.count {
        case 5: if css.isNamed("color") { applyColor(css.value) }
        case 7:
            if css.isNamed("display"), css.starts("none") { isRemoved = true }
            if css.isNamed("opacity"), css.isNegligible { isRemoved = true }
        case 8: if css.isNamed("mso-hide"), css.starts("all") { isRemoved = true }
        case 9: if css.isNamed("font-size") { isTiny = css.isNegligible }
        case 10:
            if css.isNamed("visibility") { isInvisible = css.starts("hidden") || css.starts("collapse") }
            if css.isNamed("background"), let found = HTMLColor.parse(css.value) { background = found }
        case 11: if css.isNamed("text-indent"), css.isFarAway { isRemoved = true }
        case 16:
            if css.isNamed("background-color"), let found = HTMLColor.parse(css.value) { background = found }
        case 3, 4: if css.isNamed("left") || css.isNamed("top"), css.isFarAway { isRemoved = true }
        default: break
        }
    }

    mutating func applyColor(_ value: UnsafeRawBufferPointer) {
        isTransparent = ASCII.hasPrefixIgnoringCase(value, "transparent")
        if let found = HTMLColor.parse(value) { color = found }
    }

    /// One CSS declaration.
    private struct Declaration {
        let name: UnsafeRawBufferPointer
        let value: UnsafeRawBufferPointer

        init(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
            self.name = name
            self.value = value
        }

        func isNamed(_ constant: StaticString) -> Bool { ASCII.equalsIgnoringCase(name, constant) }

        func starts(_ constant: StaticString) -> Bool { ASCII.hasPrefixIgnoringCase(value, constant) }

        /// 0, 0.01em, 1px: nothing a person can read.
        var isNegligible: Bool {
            guard let (number, unit) = HTMLNumber.leading(value) else { return false }
            let tail = UnsafeRawBufferPointer(rebasing: value[unit...])
            if ASCII.hasPrefixIgnoringCase(tail, "px") || ASCII.hasPrefixIgnoringCase(tail, "pt") { return number < 2 }
            if ASCII.hasPrefixIgnoringCase(tail, "%") { return number < 10 }
            return number < 0.1
        }

        var isFarAway: Bool {
            guard let (number, _) = HTMLNumber.leading(value) else { return false }
            return number <= -500
        }

        var isZeroBox: Bool {
            isNamed("height") || isNamed("max-height") || isNamed("width") || isNamed("max-width")
                ? isNegligible : false
        }

        var isClipping: Bool { isNamed("overflow") && starts("hidden") }
    }
}

/// Numbers at the start of a CSS value.
enum HTMLNumber {
    /// The number and where it ends; no exponent, at most twelve digits.
    static func leading(_ value: UnsafeRawBufferPointer) -> (Double, Int)? {
        var position = 0
        var isNegative = false
        if let sign = value.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
            isNegative = sign == UInt8(ascii: "-")
            position = 1
        }
        var number = 0.0
        var scale = 1.0
        var digits = 0
        var isFraction = false
        while position < value.count, digits < 12 {
            let byte = value[position]
            if byte.isASCIIDigit {
                number = number * 10 + Double(byte - 0x30)
                if isFraction { scale *= 10 }
                digits += 1
            } else if byte == UInt8(ascii: "."), !isFraction {
                isFraction = true
            } else {
                break
            }
            position += 1
        }
        guard digits > 0 else { return nil }
        return ((isNegative ? -number : number) / scale, position)
    }
}

/// Colours as 0xRRGGBB.
enum HTMLColor {
    static func parse(_ value: UnsafeRawBufferPointer) -> UInt32? {
        if value.first == UInt8(ascii: "#") { return hexadecimal(value, from: 1) }
        if ASCII.hasPrefixIgnoringCase(value, "rgb") { return functional(value) }
        let word = UnsafeRawBufferPointer(rebasing: value.prefix { $0.isASCIILetter })
        if let named = names.first(where: { ASCII.equalsIgnoringCase(word, $0.0) }) { return named.1 }
        // `bgcolor=ffffff` without its sign.
        return value.count == 6 ? hexadecimal(value, from: 0) : nil
    }

    private static let names: [(StaticString, UInt32)] = [
        ("white", 0xFFFFFF), ("black", 0x000000), ("snow", 0xFFFAFA), ("ivory", 0xFFFFF0), ("gray", 0x808080),
        ("silver", 0xC0C0C0), ("whitesmoke", 0xF5F5F5), ("ghostwhite", 0xF8F8FF), ("red", 0xFF0000),
        ("blue", 0x0000FF), ("green", 0x008000), ("yellow", 0xFFFF00), ("navy", 0x000080), ("grey", 0x808080),
    ]

    private static func hexadecimal(_ value: UnsafeRawBufferPointer, from start: Int) -> UInt32? {
        var digits: [UInt32] = []
        for byte in value[start...].prefix(6) {
            guard let digit = byte.hexDigitValue else { break }
            digits.append(UInt32(digit))
        }
        if digits.count == 6 { return digits.reduce(0) { $0 << 4 | $1 } }
        guard digits.count >= 3 else { return nil }
        return digits[0] * 0x110000 | digits[1] * 0x1100 | digits[2] * 0x11
    }

    /// `rgb(r, g, b)` and `rgba(r, g, b, a)`.
    private static func functional(_ value: UnsafeRawBufferPointer) -> UInt32? {
        var channels: [UInt32] = []
        var position = value.firstIndex(of: UInt8(ascii: "(")).map { $0 + 1 } ?? value.count
        while position < value.count, channels.count < 3 {
            guard let (number, length) = HTMLNumber.leading(UnsafeRawBufferPointer(rebasing: value[position...])) else {
                position += 1
                continue
            }
            channels.append(UInt32(min(255, max(0, number))))
            position += length
        }
        guard channels.count == 3 else { return nil }
        return channels[0] << 16 | channels[1] << 8 | channels[2]
    }
}
