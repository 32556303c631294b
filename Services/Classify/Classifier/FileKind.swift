import MailRules

/// What an attachment is, by its name and announced type.
enum FileKind {
    case program, archive, html, office, pdf, image, calendar, other

    init(_ name: String, type: String, subtype: String) {
        let suffix = MailRules.suffix(of: name)
        if MailRules.programs.contains(suffix) {
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

    private static let archives: Set<String> = [
        "zip", "rar", "7z", "gz", "tgz", "tar", "iso", "img", "cab", "ace", "arj", "xz", "bz2",
    ]
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
            "excite.com", "lycos.com", "yahoo.co.uk", "hotmail.co.uk", "yahoo.fr", "hotmail.fr", "libero.it",
            "t-online.de",
        ].map { Array($0.utf8) })
}
