import MailCore
import QueueContracts

/// Every message that a daemon reads from the broker: decoded, written and decoded again it says the same.
enum BusOracle {
    static func check(_ input: [UInt8]) throws(OracleFailure) {
        try roundTrip(MailboxChanged.self, input)
        try roundTrip(ModelPublished.self, input)
        try roundTrip(ParkedNotice.self, input)
        try roundTrip(SessionReport.self, input)
        try roundTrip(WatchRequest.self, input)
        for key in [RoutingKey.mailAccepted, RoutingKey.mailClassified, RoutingKey.relayRequested] {
            try hint(input, schema: key)
        }
        try identifiers(String(decoding: input, as: UTF8.self))
    }

    private static func roundTrip<Message: BusMessage & Equatable>(
        _ type: Message.Type, _ input: [UInt8]
    ) throws(OracleFailure) {
        guard let message = try? Message.decode(input) else { return }  // refused
        let written = message.encoded()
        guard let again = try? Message.decode(written) else {
            throw OracleFailure("\(type) cannot be read again: \(message)")
        }
        try expectEqual(again, message, "\(type)")
        try expectEqual(again.encoded(), written, "\(type) is written in two ways")
    }

    private static func hint(_ input: [UInt8], schema: String) throws(OracleFailure) {
        guard let hint = try? MailHint.decode(input, schema: schema) else { return }  // refused
        try expect(hint.mails.count <= MailHint.maximumEntries, "too many mails in a hint")
        try expectEqual(hint.schema, schema, "schema")
        guard let again = try? MailHint.decode(hint.encoded(), schema: schema) else {
            throw OracleFailure("a hint cannot be read again: \(hint)")
        }
        try expectEqual(again, hint, "hint")
    }

    private static func identifiers(_ text: String) throws(OracleFailure) {
        if let id = MailID(text) {
            try expectEqual(MailID(id.description), id, "mail id")
            try expectEqual(id.description.count, 36, "length of a mail id")
        }
        if let trace = TraceParent(text) {
            try expectEqual(TraceParent(trace.description), trace, "traceparent")
            try expect(TraceParent(trace.child().description) != nil, "child of a traceparent")
        }
    }
}
