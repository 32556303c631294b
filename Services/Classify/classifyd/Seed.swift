import MailCore

/// A mail written for this project: a line of `seeds.tsv` (label, from, subject, body, and the category of some).
struct Seed {
    let label: Verdict.Label
    let from: String
    let subject: String
    let body: String
    let category: Verdict.Category?

    init?(_ line: Substring) {
        let columns = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        guard columns.count == 4 || columns.count == 5, let label = Verdict.Label(rawValue: columns[0]) else {
            return nil
        }
        self.label = label
        (from, subject, body) = (columns[1], columns[2], columns[3])
        category = columns.count == 5 ? Verdict.Category(rawValue: columns[4]) : nil
    }

    /// As a bare client sends it.
    var plain: [UInt8] { mail(type: body.utf8.allSatisfy { $0 < 0x80 } ? nil : "text/plain; charset=utf-8", body) }

    /// As a mailing program sends it: a paragraph, and a link unless a person wrote to a person. Wanted mail links to
    /// its sender's own host; what deceives seldom can.
    var html: [UInt8] {
        var text = "<html><body><p>\(body.replacing("<", with: "&lt;"))</p>"
        if label != .ham || category != .personal {
            let host = label == .ham ? senderHost : "\(nonsense).invalid"
            text += "<p><img src=\"https://\(host)/i.png\"> <a href=\"https://\(host)/go\">&gt;&gt;</a></p>"
        }
        return mail(type: "text/html; charset=utf-8", text + "</body></html>")
    }

    private func mail(type: String?, _ body: String) -> [UInt8] {
        var header = "From: \(from)\r\nTo: user@example.com\r\nSubject: \(subject)\r\nMessage-ID: <1@example.com>\r\n"
        header += "Date: Mon, 02 Mar 2026 08:00:00 +0000\r\n"
        if category == .newsletter || category == .promotion {
            header += "List-Unsubscribe: <https://\(senderHost)/leave>\r\n"
        }
        if let type { header += "MIME-Version: 1.0\r\nContent-Type: \(type)\r\n" }
        return Array("\(header)\r\n\(body)\r\n".utf8)
    }

    private var senderHost: String {
        String(from.split(separator: "@").last ?? "").filter { $0 != ">" }
    }

    /// Another for every mail, so that nothing can be learnt from it.
    private var nonsense: String {
        var value = subject.utf8.reduce(UInt32(0x811C_9DC5)) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
        return String(
            decoding: (0..<7).map { _ -> UInt8 in
                value = value &* 1_664_525 &+ 1_013_904_223
                return UInt8(ascii: "a") + UInt8(truncatingIfNeeded: (value >> 16) % 26)
            }, as: UTF8.self)
    }
}
