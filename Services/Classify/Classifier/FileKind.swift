/// What an attachment is, by its name and announced type.
enum FileKind {
    case program, archive, html, office, pdf, image, calendar, other

    init(_ name: String, type: String, subtype: String) {
        let suffix = Self.suffix(name)
        if Self.programs.contains(suffix) {
            self = .program
        } else if Self.archives.contains(suffix) {
            self = .archive
        } else if suffix == "html" || suffix == "htm" || suffix == "shtml" || suffix == "svg" || subtype == "html" {
            self = .html
        } else if Self.officeEndings.contains(suffix) {
            self = .office
        } else if suffix == "pdf" || subtype == "pdf" {
            self = .pdf
        } else if type == "image" {
            self = .image
        } else if suffix == "ics" || subtype == "calendar" {
            self = .calendar
        } else {
            self = .other
        }
    }

    /// `invoice.pdf.exe`: a program whose name shows a document's ending.
    static func isDisguisedProgram(_ name: String) -> Bool {
        guard programs.contains(suffix(name)), let dot = name.lastIndex(of: ".") else { return false }
        // Spaces push the true ending out of sight: `invoice.pdf        .exe`.
        let before = name[..<dot].reversed().drop { $0 == " " || $0 == "_" }
        return documents.contains(suffix(String(String(before).reversed())))
    }

    private static func suffix(_ name: String) -> String {
        guard let dot = name.lastIndex(of: ".") else { return "" }
        let suffix = name[name.index(after: dot)...]
        return suffix.utf8.count <= 8 ? String(suffix.filter { $0 != " " && $0 != "\"" }) : ""
    }

    private static let programs: Set<String> = [
        "exe", "scr", "com", "pif", "bat", "cmd", "vbs", "vbe", "js", "jse", "wsf", "wsh", "hta", "cpl", "msi", "lnk", "ps1",
        "jar", "reg", "dll", "msc", "application", "appx",
    ]
    private static let documents: Set<String> = [
        "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "txt", "rtf", "jpg", "jpeg", "png", "gif", "zip", "htm", "html",
        "csv", "mp3", "mp4", "odt", "ods",
    ]
    private static let archives: Set<String> = ["zip", "rar", "7z", "gz", "tgz", "tar", "iso", "img", "cab", "ace", "arj", "xz", "bz2"]
    private static let officeEndings: Set<String> = [
        "doc", "docx", "docm", "xls", "xlsx", "xlsm", "ppt", "pptx", "pptm", "rtf", "odt", "ods", "odp",
    ]
}

/// Large providers of free mailboxes: neutral alone, telling together with a company's name or another reply address.
enum FreeMail {
    static func contains(_ site: [UInt8]) -> Bool { sites.contains(site) }

    private static let sites: Set<[UInt8]> = Set(
        [
            "gmail.com", "googlemail.com", "yahoo.com", "hotmail.com", "outlook.com", "live.com", "msn.com", "aol.com",
            "icloud.com", "gmx.de", "gmx.net", "gmx.com", "web.de", "mail.ru", "yandex.ru", "yandex.com", "proton.me",
            "protonmail.com", "qq.com", "163.com", "126.com", "mail.com", "zoho.com", "rediffmail.com", "netscape.net",
            "excite.com", "lycos.com", "yahoo.co.uk", "hotmail.co.uk", "yahoo.fr", "hotmail.fr", "libero.it", "t-online.de",
        ].map { Array($0.utf8) })
}
