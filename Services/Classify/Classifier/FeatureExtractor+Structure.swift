import MailCore
import MailRules
import MailWire
import MessageGrammar

extension FeatureExtractor {
    func readStructure(_ header: HeaderFields, _ sample: MailSample) {
        readShape(sample)
        readLinks(sample)
        readDisguise()
        readAttachments()
        readAddresses(header, sample)
        readSubject(header, sample)
        readNames(header, sample)
        readTopics()
        if sample.hasNullSender { note(.nullSender) }
        if sample.origin == .submission { note(.submission) }
    }

    func note(_ feature: StructureFeature, when condition: Bool = true) {
        if condition { bags[FeatureView.structure.rawValue].add(id: feature.rawValue) }
    }

    private func readShape(_ sample: MailSample) {
        note(.plainOnly, when: parts.hasPlain && !parts.hasHTML)
        note(.htmlOnly, when: parts.hasHTML && !parts.hasPlain)
        note(.plainAndHTML, when: parts.hasHTML && parts.hasPlain)
        note(.noText, when: !parts.hasHTML && !parts.hasPlain)
        note(.isMultipartMixed, when: parts.isMixed)
        note(.hasEnclosedMessage, when: parts.hasEnclosed)
        note(.textBase64, when: parts.hasBase64Text)
        note(.ambiguousMIME, when: sample.summary.flags.contains(.ambiguous))
        switch content.bytes.count {
        case 0..<10: note(.textEmpty)
        case ..<80: note(.textUnder80)
        case ..<400: note(.textUnder400)
        case ..<2000: note(.textUnder2000)
        case ..<8000: note(.textUnder8000)
        default: note(.textLong)
        }
        note(.form, when: content.hasForm)
        note(.script, when: content.hasScript)
        let share = Double(content.hiddenBytes) / Double(max(1, content.hiddenBytes + content.bytes.count))
        note(.hiddenLittle, when: share > 0 && share < 0.2)
        note(.hiddenSome, when: share >= 0.2 && share < 0.6)
        note(.hiddenMost, when: share >= 0.6)
    }

    // MARK: - Links

    private func readLinks(_ sample: MailSample) {
        switch content.links.count {
        case 0: note(.linksNone)
        case 1: note(.linksOne)
        case ..<5: note(.linksUnder5)
        case ..<20: note(.linksUnder20)
        default: note(.linksMany)
        }
        note(.imagesOnly, when: content.images > 0 && content.bytes.count < 80)
        note(.imagesSome, when: (1...5).contains(content.images))
        note(.imagesMany, when: content.images > 5)
        note(.textWithoutLinks, when: content.links.isEmpty && content.images == 0)
        var sites: [[UInt8]] = []
        let sender = sample.summary.envelope.from.first?.host.map { Array(WebHost.site(ASCII.lowercased($0)[...])) }
        for link in content.links {
            let host = content.hosts[link.host]
            let site = Array(WebHost.site(host))
            note(.linkNumericHost, when: WebHost.isNumeric(host))
            note(.linkPunycode, when: ASCII.containsPunycode(host))
            compare(link, site)
            note(.linkFreeHost, when: host.count > site.count && WebHost.isFree(site))
            guard !sites.contains(site) else { continue }
            if sites.count < 20 { sites.append(site) }
            note(.linkShortener, when: WebHost.isShortener(site))
            note(.linkCheapDomain, when: WebHost.isCheap(host))
            note(.linkLongHost, when: host.count > 40)
            note(.linkHyphens, when: host.count { $0 == UInt8(ascii: "-") } >= 3)
            note(.linkToSender, when: site == sender)
        }
        note(.linkMismatch, when: mismatch != nil)
        note(.linkOtherSite, when: sender.map { !sites.isEmpty && !sites.contains($0) } ?? false)
        note(.linksOneSite, when: sites.count == 1)
        note(.linkManySites, when: sites.count > 6)
    }

    /// The link's text shows a host of another site than the one it leads to.
    private func compare(_ link: VisibleContent.Link, _ site: [UInt8]) {
        guard mismatch == nil, let shown = Self.shownHost(link.text[...]) else { return }
        let shownSite = WebHost.site(shown[...])
        if !shownSite.elementsEqual(site) {
            mismatch = (Self.printable(shownSite), Self.printable(site[...]))
        }
    }

    /// A host name at the start of the text of a link: `https://www.bank.example/login`, `bank.example`.
    static func shownHost(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let trimmed = Array(text.prefix(200).drop { $0 <= 0x20 })
        var host: [UInt8] = []
        WebHost.append(trimmed, 0..<trimmed.count, to: &host)
        if host.isEmpty {
            let token = trimmed.prefix { $0 > 0x20 && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
            let rest = trimmed.dropFirst(token.count).drop { $0 <= 0x20 }
            guard token.starts(with: Array("www.".utf8)) || rest.isEmpty || rest.first == UInt8(ascii: "/") else {
                return nil
            }
            host = ASCII.lowercased(token)
        }
        let labels = host.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard labels.count >= 2, let top = labels.last, (2...12).contains(top.count), top.allSatisfy(isLetter) else {
            return nil
        }
        let isName = host.allSatisfy { isLetter($0) || $0 == 0x2D || $0 == 0x2E || ($0 >= 0x30 && $0 <= 0x39) }
        return isName && labels.allSatisfy { !$0.isEmpty } ? host : nil
    }

    private static func isLetter(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") }

    /// Host names for a reason: printable ASCII only, short.
    static func printable(_ bytes: ArraySlice<UInt8>) -> String {
        String(
            decoding: bytes.prefix(60).map {
                $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "<") ? $0 : UInt8(ascii: "?")
            }, as: UTF8.self)
    }

    // MARK: - Disguise, attachments

    private func readDisguise() {
        let disguise = text.disguise
        note(.disguiseMixedScript, when: disguise.mixedScript > 0)
        note(.disguiseStyled, when: disguise.styled > 0)
        note(.disguiseInvisible, when: disguise.invisible > 0)
        note(.disguiseLeet, when: disguise.leet > 0)
        note(.disguiseSpaced, when: disguise.spaced > 0)
        note(.subjectDisguised, when: isSubjectDisguised)
        note(.disguiseMany, when: disguise.total >= 4)
    }

    private func readAttachments() {
        note(.attachmentNone, when: !parts.leaves.contains { $0.isAttachment })
        for leaf in parts.leaves where leaf.isAttachment {
            note(.attachmentSome)
            note(.attachmentDoubleExtension, when: MailRules.isDisguisedProgram(leaf.fileName))
            switch FileKind(leaf.fileName, type: leaf.type, subtype: leaf.subtype) {
            case .program: note(.attachmentProgram)
            case .archive: note(.attachmentArchive)
            case .html: note(.attachmentHTML)
            case .office: note(.attachmentOffice)
            case .pdf: note(.attachmentPDF)
            case .image: note(.attachmentImage)
            case .calendar: note(.attachmentCalendar)
            case .other: break
            }
        }
    }

    // MARK: - Addresses

    private func readAddresses(_ header: HeaderFields, _ sample: MailSample) {
        let envelope = sample.summary.envelope
        note(.fromMissing, when: envelope.from.isEmpty)
        note(.fromSeveral, when: envelope.from.count > 1)
        let from = envelope.from.first
        let fromSite = from?.host.map { Array(WebHost.site(ASCII.lowercased($0)[...])) }
        if let fromSite {
            note(.fromFreeMail, when: FreeMail.contains(fromSite))
            let reply = header.first("reply-to") == nil ? nil : envelope.replyTo.first?.host
            if let replySite = reply.map({ Array(WebHost.site(ASCII.lowercased($0)[...])) }) {
                note(.replyToOtherSite, when: replySite != fromSite)
                note(.replyToFreeMail, when: replySite != fromSite && FreeMail.contains(replySite))
            }
        }
        if let name = from?.name, let at = name.firstIndex(of: UInt8(ascii: "@")), at > 0, at + 1 < name.count {
            let host = ASCII.lowercased(
                name[(at + 1)...].prefix { $0 > 0x20 && $0 != UInt8(ascii: ">") && $0 != UInt8(ascii: ")") })
            let sameSite = fromSite.map { WebHost.site(host[...]).elementsEqual($0) } ?? false
            note(sameSite ? .fromNameIsAddress : .fromNameOtherAddress)
        }
        note(.toMissing, when: envelope.to.isEmpty && envelope.cc.isEmpty)
        note(.toUndisclosed, when: envelope.to.contains { $0.isGroupMarker })
        note(.toMany, when: envelope.to.count + envelope.cc.count > 8)
        note(
            .toSelf,
            when: from != nil && envelope.to.first?.mailbox == from?.mailbox && envelope.to.first?.host == from?.host)
    }

    // MARK: - Subject

    private func readSubject(_ header: HeaderFields, _ sample: MailSample) {
        let subject = header.first("subject").map(header.value) ?? []
        note(.subjectMissing, when: subject.isEmpty)
        let letters = subject.count { isASCIILetter($0) }
        let capitals = subject.count { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") }
        note(.subjectCapitals, when: letters >= 8 && capitals * 10 >= letters * 8)
        note(.subjectExclamation, when: subject.contains(UInt8(ascii: "!")))
        note(.subjectMoney, when: subject.contains(UInt8(ascii: "$")))
        note(.subjectQuestion, when: subject.last == UInt8(ascii: "?"))
        note(.subjectNonASCII, when: subject.contains { $0 >= 0x80 } || subject.starts(with: Array("=?".utf8)))
        note(.subjectLong, when: subject.count > 120)
        let isReply = ASCII.hasPrefixIgnoringCase(subject, "re:")
        let hasThread = header.first("in-reply-to") != nil || header.first("references") != nil
        note(.subjectReply, when: isReply)
        note(.isReply, when: isReply && hasThread)
        note(.replyWithoutThread, when: isReply && !hasThread)
        let priority = header.firstValue("x-priority")?.first
        note(.priorityHigh, when: priority == UInt8(ascii: "1") || priority == UInt8(ascii: "2"))
        note(.dateMissing, when: header.first("date") == nil)
        note(.messageIDMissing, when: header.first("message-id") == nil)
        note(.listUnsubscribe, when: header.first("list-unsubscribe") != nil)
    }

    private func isASCIILetter(_ byte: UInt8) -> Bool { Self.isLetter(byte | 0x20) }
}

extension ASCII {
    /// Whether a label of the host starts with `xn--` (RFC 5890 2.3.2.1).
    static func containsPunycode(_ host: ArraySlice<UInt8>) -> Bool {
        host.split(separator: UInt8(ascii: ".")).contains { $0.starts(with: Array("xn--".utf8)) }
    }
}
