package import MailCore

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// "There is work at this stage for these mails": `mail.accepted` for classifyd, `mail.classified` for filerd,
/// `relay.requested` for relayd, `learn.requested` for the trainer among the classifyds.
package struct MailHint: Sendable, Hashable, Codable {
    package struct Entry: Sendable, Hashable, Codable {
        package let mail: MailID
        package let traceparent: TraceParent

        package init(mail: MailID, traceparent: TraceParent) {
            self.mail = mail
            self.traceparent = traceparent
        }
    }

    /// More than this many mails never share a hint.
    package static let maximumEntries = 128
    package static let version = 1

    package let schema: String
    package let version: Int
    package let mails: [Entry]

    package init(schema: String, mails: [Entry]) {
        self.schema = schema
        self.version = Self.version
        self.mails = mails
    }

    package static func accepted(_ mails: [Entry]) -> MailHint {
        MailHint(schema: RoutingKey.mailAccepted, mails: mails)
    }
    package static func classified(_ mails: [Entry]) -> MailHint {
        MailHint(schema: RoutingKey.mailClassified, mails: mails)
    }
    package static func relay(_ mails: [Entry]) -> MailHint {
        MailHint(schema: RoutingKey.relayRequested, mails: mails)
    }
    package static func learn(_ mails: [Entry]) -> MailHint {
        MailHint(schema: RoutingKey.learnRequested, mails: mails)
    }

    /// Written by hand, as it is on the path of every mail; nothing in it needs escaping.
    package func encoded() -> [UInt8] {
        var json: [UInt8] = []
        json.reserveCapacity(64 + mails.count * 140)
        json += #"{"mails":["#.utf8
        for (index, entry) in mails.enumerated() {
            if index > 0 { json.append(UInt8(ascii: ",")) }
            json += #"{"mail":""#.utf8
            json += entry.mail.description.utf8
            json += #"","traceparent":""#.utf8
            json += entry.traceparent.description.utf8
            json += #""}"#.utf8
        }
        json += #"],"schema":""#.utf8
        json += schema.utf8
        json += #"","version":\#(version)}"#.utf8
        return json
    }

    /// Anything but a hint of this schema is an error that parks it.
    package static func decode(_ bytes: [UInt8], schema: String) throws(ContractError) -> MailHint {
        guard bytes.count <= maximumMessageBytes else { throw .tooLong }
        guard let hint = try? JSONDecoder().decode(MailHint.self, from: Data(bytes)) else {
            // Says what is wrong with the head, if that is it.
            try MessageHead.check(bytes, schema: schema, newest: version)
            throw .unreadable
        }
        guard hint.schema == schema else { throw .unknownSchema(String(hint.schema.prefix(64))) }
        guard (max(1, version - 1)...version).contains(hint.version) else { throw .unknownVersion(hint.version) }
        guard hint.mails.count <= maximumEntries else { throw .tooMany(hint.mails.count) }
        return hint
    }
}
