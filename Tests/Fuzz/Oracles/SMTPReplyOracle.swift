import SMTPGrammar

/// What remote servers answer.
enum SMTPReplyOracle {
    private enum Event: Equatable {
        case reply(SMTPRemoteReply)
        case error(SMTPReplyError)
        /// Where the stream ends: in a reply or between two.
        case end(isInside: Bool)
    }

    static func check(_ input: [UInt8]) throws(OracleFailure) {
        let events = try Division.expectSame("replies", input) { (pieces) throws(OracleFailure) in try read(pieces) }
        for case .reply(let reply) in events {
            try look(reply)
            try roundTrip(reply)
        }
        try expectEqual(events, reference(input), "another reading of the replies")
    }

    private static func read(_ pieces: [[UInt8]]) throws(OracleFailure) -> [Event] {
        var parser = SMTPReplyParser()
        var events: [Event] = []
        for piece in pieces {
            var rest = piece[...]
            while true {
                do {
                    let (reply, taken) = try rest.withUnsafeBytes { bytes throws(SMTPReplyError) in
                        try parser.next(bytes)
                    }
                    guard taken <= rest.count, reply != nil || taken == rest.count else {
                        throw OracleFailure("took \(taken) of \(rest.count)")
                    }
                    rest = rest.dropFirst(taken)
                    guard let reply else { break }
                    events.append(.reply(reply))
                } catch let error as SMTPReplyError {
                    return events + [.error(error)]
                } catch {
                    throw OracleFailure("\(error)")
                }
            }
        }
        return events + [.end(isInside: parser.isInside)]
    }

    private static func look(_ reply: SMTPRemoteReply) throws(OracleFailure) {
        let classes = [reply.isPositive, reply.isIntermediate, reply.isTransient, reply.isPermanent]
        try expectEqual(classes.count { $0 }, 1, "classes of \(reply.code)")
        try expect(reply.lines.count <= SMTPLimits.replyLines, "too many lines")
        try expect(reply.text.count <= SMTPLimits.replyTextKept, "too much text kept")
        let status = reply.status.split(separator: ".", omittingEmptySubsequences: false)
        try expect(status.count == 3 && status[0] == "\(reply.code / 100)", "status \(reply.status) of \(reply.code)")
        let offer = SMTPServerOffer(reply)
        try expect(offer.maximumSize.map { $0 > 0 } ?? true, "a maximum size of nothing")
    }

    private static func roundTrip(_ reply: SMTPRemoteReply) throws(OracleFailure) {
        var wire: [UInt8] = []
        for (index, line) in reply.lines.enumerated() {
            wire += Array("\(reply.code)\(index == reply.lines.count - 1 ? " " : "-")".utf8) + line + [13, 10]
        }
        // A line as long as it may be has no room for the space that was left out.
        guard reply.lines.allSatisfy({ $0.count + 5 <= SMTPLimits.replyLine }), wire.count <= SMTPLimits.replySize
        else {
            return
        }
        try expectEqual(try read([wire]), [.reply(reply), .end(isInside: false)], "round trip")
    }

    /// RFC 5321 4.2 in the plainest way, line by line.
    private static func reference(_ input: [UInt8]) -> [Event] {
        var events: [Event] = []
        var code: Int?
        var lines: [[UInt8]] = []
        var size = 0
        var rest = input[...]
        while true {
            let raw = rest.prefix { $0 != 10 }
            if raw.count > SMTPLimits.replyLine { return events + [.error(.lineTooLong)] }
            guard raw.endIndex < rest.endIndex else {
                return events + [.end(isInside: !raw.isEmpty || code != nil)]
            }
            rest = rest[(raw.endIndex + 1)...]
            let line = raw.last == 13 ? Array(raw.dropLast()) : Array(raw)
            let head = line.prefix(3)
            guard head.count == 3, head.allSatisfy({ (48...57).contains($0) }), (50...53).contains(line[0]) else {
                return events + [.error(.malformed)]
            }
            let number = head.reduce(0) { $0 * 10 + Int($1) - 48 }
            if code ?? number != number { return events + [.error(.mixedCodes)] }
            if lines.count == SMTPLimits.replyLines { return events + [.error(.tooManyLines)] }
            size += line.count
            if size > SMTPLimits.replySize { return events + [.error(.tooLong)] }
            code = number
            if line.count > 3, line[3] != 32, line[3] != 45 { return events + [.error(.malformed)] }
            lines.append(Array(line.dropFirst(4)))
            if line.count > 3, line[3] == 45 { continue }
            events.append(.reply(SMTPRemoteReply(code: number, lines: lines)))
            (code, lines, size) = (nil, [], 0)
        }
    }
}
