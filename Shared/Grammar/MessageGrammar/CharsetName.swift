import MailWire

/// What to do with a charset's name. Only names listed here reach iconv: some of its converters have had memory
/// errors (ISO-2022-CN-EXT, CVE-2024-2961) and none of them is needed for mail.
enum CharsetName {
    case utf8, windows1252, unknown
    case iconv(StaticString)

    static func lookup(_ label: String?) -> CharsetName {
        guard let label, !label.isEmpty, label.utf8.count <= 40 else { return .unknown }
        let name = String(decoding: label.utf8.map(\.asciiLowercased), as: UTF8.self)
        switch name {
        case "utf-8", "utf8", "unicode-1-1-utf-8": return .utf8
        case "us-ascii", "ascii", "ansi_x3.4-1968", "unknown-8bit", "x-unknown", "default": return .unknown
        case "iso-8859-1", "iso8859-1", "iso_8859-1", "latin1", "windows-1252", "cp1252", "cp-1252", "x-ansi":
            return .windows1252
        default: return single(name) ?? eastAsian(name) ?? .unknown
        }
    }

    private static func single(_ name: String) -> CharsetName? {
        switch name {
        case "iso-8859-2", "iso8859-2", "latin2": .iconv("ISO-8859-2")
        case "iso-8859-3", "iso8859-3": .iconv("ISO-8859-3")
        case "iso-8859-4", "iso8859-4": .iconv("ISO-8859-4")
        case "iso-8859-5", "iso8859-5": .iconv("ISO-8859-5")
        case "iso-8859-6", "iso8859-6", "iso-8859-6-i", "iso-8859-6-e": .iconv("ISO-8859-6")
        case "iso-8859-7", "iso8859-7": .iconv("ISO-8859-7")
        case "iso-8859-8", "iso8859-8", "iso-8859-8-i", "iso-8859-8-e": .iconv("ISO-8859-8")
        case "iso-8859-9", "iso8859-9", "latin5": .iconv("ISO-8859-9")
        case "iso-8859-10", "iso8859-10": .iconv("ISO-8859-10")
        case "iso-8859-11", "tis-620", "windows-874", "cp874": .iconv("CP874")
        case "iso-8859-13", "iso8859-13": .iconv("ISO-8859-13")
        case "iso-8859-14", "iso8859-14": .iconv("ISO-8859-14")
        case "iso-8859-15", "iso8859-15", "latin-9", "latin9": .iconv("ISO-8859-15")
        case "iso-8859-16", "iso8859-16": .iconv("ISO-8859-16")
        case "windows-1250", "cp1250", "cp-1250": .iconv("CP1250")
        case "windows-1251", "cp1251", "cp-1251", "win-1251": .iconv("CP1251")
        case "windows-1253", "cp1253": .iconv("CP1253")
        case "windows-1254", "cp1254": .iconv("CP1254")
        case "windows-1255", "cp1255": .iconv("CP1255")
        case "windows-1256", "cp1256": .iconv("CP1256")
        case "windows-1257", "cp1257": .iconv("CP1257")
        case "windows-1258", "cp1258": .iconv("CP1258")
        case "koi8-r", "koi8r": .iconv("KOI8-R")
        case "koi8-u", "koi8u": .iconv("KOI8-U")
        case "ibm437", "cp437": .iconv("CP437")
        case "ibm850", "cp850", "cp-850": .iconv("CP850")
        case "ibm852", "cp852": .iconv("CP852")
        case "ibm866", "cp866", "cp-866": .iconv("CP866")
        case "macintosh", "x-mac-roman", "mac": .iconv("MACINTOSH")
        case "viscii": .iconv("VISCII")
        default: nil
        }
    }

    private static func eastAsian(_ name: String) -> CharsetName? {
        switch name {
        // GB 18030 contains the older two.
        case "gb2312", "gb_2312-80", "gbk", "gb18030", "x-gbk", "cp936", "euc-cn", "cn-gb": .iconv("GB18030")
        case "big5", "big5-hkscs", "cn-big5", "x-x-big5", "cp950": .iconv("BIG5-HKSCS")
        case "shift_jis", "shift-jis", "sjis", "x-sjis", "cp932", "windows-31j", "ms_kanji": .iconv("CP932")
        case "euc-jp", "x-euc-jp": .iconv("EUC-JP-MS")
        case "iso-2022-jp", "iso-2022-jp-1", "iso-2022-jp-2", "csiso2022jp": .iconv("ISO-2022-JP-2")
        case "euc-kr", "ks_c_5601-1987", "ksc5601", "cp949", "uhc", "ks_c_5601-1989": .iconv("UHC")
        case "iso-2022-kr": .iconv("ISO-2022-KR")
        case "utf-16", "utf16", "unicode": .iconv("UTF-16")
        case "utf-16le": .iconv("UTF-16LE")
        case "utf-16be": .iconv("UTF-16BE")
        case "utf-32": .iconv("UTF-32")
        case "utf-7", "unicode-1-1-utf-7": .iconv("UTF-7")
        default: nil
        }
    }
}
