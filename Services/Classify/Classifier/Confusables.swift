/// Folds scalars that look like, or are variants of, an ASCII letter or digit: a compact form of the Unicode
/// skeleton (UTS 39 section 4) over what spam uses, plus the compatibility forms of NFKC that are single letters.
///
/// Letters of another script are told apart from variants of a Latin letter: in a Russian word they are no disguise,
/// inside a Latin word they are.
enum Confusables {
    enum Folded: Equatable {
        /// Not in the table.
        case itself
        /// Invisible: zero width, direction marks, soft hyphen, variation selectors, tags.
        case nothing
        /// A Latin letter with a mark, or a superscript: ordinary writing.
        case variant(UInt8)
        /// A styled form (full width, mathematical, circled): never needed in ordinary mail.
        case styled(UInt8)
        /// A letter of another script that looks like this one.
        case lookalike(UInt8)
    }

    static func fold(_ scalar: UInt32) -> Folded {
        if scalar < tableEnd {
            let entry = table[Int(scalar)]
            if entry != 0 { return entry & lookalikeBit != 0 ? .lookalike(entry & 0x7F) : .variant(entry) }
            return isInvisible(scalar) ? .nothing : .itself
        }
        if isInvisible(scalar) { return .nothing }
        if let letter = styledLetter(scalar) { return .styled(letter) }
        return .itself
    }

    private static func isInvisible(_ scalar: UInt32) -> Bool {
        switch scalar {
        case 0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B...0x180E: true
        case 0x200B...0x200F, 0x202A...0x202E, 0x2060...0x206F, 0x3164, 0xFEFF, 0xFFA0: true
        case 0x300...0x36F, 0xFE00...0xFE0F, 0xE0000...0xE0FFF, 0x1D173...0x1D17A: true
        default: false
        }
    }

    /// Combining marks vanish like invisible characters, but a name with an accent is no disguise.
    static func isMark(_ scalar: UInt32) -> Bool {
        (0x300...0x36F).contains(scalar) || (0xFE00...0xFE0F).contains(scalar)
    }

    private static func styledLetter(_ scalar: UInt32) -> UInt8? {
        func letter(_ offset: UInt32) -> UInt8 { UInt8(ascii: "a") + UInt8(truncatingIfNeeded: offset % 26) }
        func digit(_ offset: UInt32) -> UInt8 { UInt8(ascii: "0") + UInt8(truncatingIfNeeded: offset % 10) }
        return switch scalar {
        case 0xFF21...0xFF3A: letter(scalar - 0xFF21)  // full width
        case 0xFF41...0xFF5A: letter(scalar - 0xFF41)
        case 0xFF10...0xFF19: digit(scalar - 0xFF10)
        case 0x24B6...0x24CF: letter(scalar - 0x24B6)  // circled
        case 0x24D0...0x24E9: letter(scalar - 0x24D0)
        case 0x249C...0x24B5: letter(scalar - 0x249C)  // in parentheses
        case 0x1D400...0x1D6A3: letter(scalar - 0x1D400)  // mathematical: alphabets of 52 letters
        case 0x1D7CE...0x1D7FF: digit(scalar - 0x1D7CE)
        case 0x1F110...0x1F129: letter(scalar - 0x1F110)
        case 0x1F130...0x1F149: letter(scalar - 0x1F130)  // squared
        case 0x1F150...0x1F169: letter(scalar - 0x1F150)
        case 0x1F170...0x1F189: letter(scalar - 0x1F170)
        default: nil
        }
    }

    private static let lookalikeBit: UInt8 = 0x80
    private static let tableEnd: UInt32 = 0x2190

    private static let table: [UInt8] = {
        var table = [UInt8](repeating: 0, count: Int(tableEnd))
        func enter(_ list: [(Character, String)], _ bit: UInt8) {
            for (target, sources) in list {
                for scalar in sources.unicodeScalars where scalar.value < tableEnd && scalar.value >= 0x80 {
                    table[Int(scalar.value)] = (target.asciiValue ?? 0) | bit
                }
            }
        }
        enter(variants, 0)
        enter(lookalikes, lookalikeBit)
        return table
    }()

    private static let variants: [(Character, String)] = [
        ("a", "ªÀÁÂÃÄÅàáâãäåĀāĂăĄąǍǎǞǟǠǡǺǻȀȁȂȃȦȧᴬᵃḀḁẠạẢảẤấẦầẨẩẪẫẬậẮắẰằẲẳẴẵẶặₐÅ"),
        ("b", "ᴮᵇḂḃḄḅḆḇℬ"),
        ("c", "ÇçĆćĈĉĊċČčᶜḈḉℂℭⅭⅽ"),
        ("d", "ĎďᴰᵈḊḋḌḍḎḏḐḑḒḓⅅⅆⅮⅾđĐ"),
        ("e", "ÈÉÊËèéêëĒēĔĕĖėĘęĚěȄȅȆȇȨȩᴱᵉḔḕḖḗḘḙḚḛḜḝẸẹẺẻẼẽẾếỀềỂểỄễỆệₑℯℰⅇ"),
        ("f", "ᶠḞḟℱ"),
        ("g", "ĜĝĞğĠġĢģǦǧǴǵᴳᵍḠḡℊ"),
        ("h", "ĤĥȞȟʰᴴḢḣḤḥḦḧḨḩḪḫẖₕℋℌℍℎħĦ"),
        ("i", "ÌÍÎÏìíîïĨĩĪīĬĭĮįİǏǐȈȉȊȋᴵᵢḬḭḮḯỈỉỊịⁱℐℑℹⅈⅠⅰı"),
        ("j", "Ĵĵǰʲᴶⅉ"),
        ("k", "ĶķǨǩᴷᵏḰḱḲḳḴḵₖK"),
        ("l", "ĹĺĻļĽľˡᴸḶḷḸḹḺḻḼḽₗℒℓⅬⅼłŁ"),
        ("m", "ᴹᵐḾḿṀṁṂṃₘℳⅯⅿ"),
        ("n", "ÑñŃńŅņŇňǸǹᴺṄṅṆṇṈṉṊṋⁿₙℕ"),
        ("o", "ºÒÓÔÕÖòóôõöŌōŎŏŐőƠơǑǒǪǫǬǭȌȍȎȏȪȫȬȭȮȯȰȱᴼᵒṌṍṎṏṐṑṒṓỌọỎỏỐốỒồỔổỖỗỘộỚớỜờỞởỠỡỢợₒℴøØ"),
        ("p", "ᴾᵖṔṕṖṗₚℙ"),
        ("q", "ℚ"),
        ("r", "ŔŕŖŗŘřȐȑȒȓʳᴿᵣṘṙṚṛṜṝṞṟℛℜℝ"),
        ("s", "ŚśŜŝŞşŠšſȘșˢṠṡṢṣṤṥṦṧṨṩẛₛ"),
        ("t", "ŢţŤťȚțᵀᵗṪṫṬṭṮṯṰṱẗₜŧŦ"),
        ("u", "ÙÚÛÜùúûüŨũŪūŬŭŮůŰűŲųƯưǓǔǕǖǗǘǙǚǛǜȔȕȖȗᵁᵘᵤṲṳṴṵṶṷṸṹṺṻỤụỦủỨứỪừỬửỮữỰự"),
        ("v", "ᵛᵥṼṽṾṿⅤⅴ"),
        ("w", "ŴŵʷᵂẀẁẂẃẄẅẆẇẈẉẘ"),
        ("x", "ˣẊẋẌẍₓⅩⅹ"),
        ("y", "ÝýÿŶŷŸȲȳʸẎẏẙỲỳỴỵỶỷỸỹ"),
        ("z", "ŹźŻżŽžᶻẐẑẒẓẔẕℤℨ"),
    ]

    /// Cyrillic, Greek, Armenian, small capitals and others, by the Latin letter they pass for.
    private static let lookalikes: [(Character, String)] = [
        ("a", "аАɑαΑⲁ"),
        ("b", "ЬВβΒƄʙ"),
        ("c", "сСϲϹⅽᴄ"),
        ("d", "ԁԀɗⅾ"),
        ("e", "еЕεΕҽёЁєЄ"),
        ("f", "ϝſƒ"),
        ("g", "ɡɢԍ"),
        ("h", "һҺНнΗհ"),
        ("i", "іІιΙїЇӏⅰɪ"),
        ("j", "јЈϳ"),
        ("k", "кКκΚĸ"),
        ("l", "ⅼӀǀ"),
        ("m", "мМΜⅿ"),
        ("n", "ΝпПηոӣ"),
        ("o", "оОοΟօσᴏ"),
        ("p", "рРρΡ"),
        ("q", "ԛԚգ"),
        ("r", "гᴦʀ"),
        ("s", "ѕЅ"),
        ("t", "тТτΤᴛ"),
        ("u", "υսᴜ"),
        ("v", "ѵѴνⅴᴠ"),
        ("w", "ԝԜωѡᴡ"),
        ("x", "хХχΧⅹ"),
        ("y", "уУүγΥʏ"),
        ("z", "ᴢΖ"),
    ]
}
