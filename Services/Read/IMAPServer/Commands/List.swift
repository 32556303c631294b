import IMAPGrammar
import MailCore
import Storage

extension IMAPSession {
    /// LIST (RFC 3501 6.3.8) with selection and return options (RFC 5258, 5819, 6154).
    nonisolated(nonsending) func list(_ list: IMAPList, _ account: AccountID) async throws -> Completion {
        if !list.isExtended, list.patterns.allSatisfy(\.isEmpty) {
            out.listDelimiter()
            return .ok("LIST completed")
        }
        let needsSubscriptions =
            !list.selection.isDisjoint(with: [.subscribed]) || list.returns.contains(.subscribed)
        let tree = MailboxTree(
            try await services.mailboxes.list(account),
            subscribed: needsSubscriptions ? try await services.mailboxes.subscriptions(account) : [])
        let matchers = list.patterns.map { $0.matcher(reference: list.reference) }
        for name in tree.names(including: list.selection.contains(.subscribed)) {
            guard matchers.contains(where: { $0.matches(name) }) else { continue }
            try await write(name, list, tree)
        }
        return .ok("LIST completed")
    }

    private nonisolated(nonsending) func write(_ name: MailboxName, _ list: IMAPList, _ tree: MailboxTree) async throws
    {
        let record = tree.records[name]
        let isSubscribed = tree.subscribed.contains(name)
        var childInfo = false
        if list.selection.contains(.subscribed), !isSubscribed {
            guard list.selection.contains(.recursiveMatch), tree.subscribedParents.contains(name) else { return }
            childInfo = true
        }
        let use = record?.specialUse.flatMap(SpecialUse.init(rawValue:))
        if list.selection.contains(.specialUse), use == nil { return }
        var attributes = tree.attributes(name)
        if isSubscribed { attributes.append(.subscribed) }
        if let use { attributes.append(.specialUse(use)) }
        out.list(name, attributes: attributes, childInfo: childInfo)
        if let record, !list.statusItems.isEmpty {
            let recent =
                list.statusItems.contains(.recent) ? try await services.mailboxes.recentCount(record) : 0
            out.status(name, values(list.statusItems, record, recent: recent))
        }
    }

    /// RFC 3501 6.3.9: subscribed names, whether they exist or not, and with `%` the levels above them.
    nonisolated(nonsending) func lsub(_ reference: [UInt8], _ pattern: ListPattern, _ account: AccountID) async throws
        -> Completion
    {
        let matcher = pattern.matcher(reference: reference)
        let subscribed = Set(try await services.mailboxes.subscriptions(account).map(MailboxName.init(stored:)))
        let parents = Set(subscribed.flatMap(\.ancestors)).subtracting(subscribed)
        for name in subscribed.union(parents).sorted(by: MailboxTree.order) where matcher.matches(name) {
            if subscribed.contains(name) {
                out.lsub(name)
            } else if pattern.bytes.last == UInt8(ascii: "%") {
                out.lsub(name, attributes: [.noSelect])
            }
        }
        return .ok("LSUB completed")
    }
}

/// The mailboxes of an account as a tree of names; a level without a mailbox of its own exists by its children.
struct MailboxTree {
    let records: [MailboxName: MailboxRecord]
    let subscribed: Set<MailboxName>
    /// Names that have something subscribed below them.
    let subscribedParents: Set<MailboxName>
    private let parents: Set<MailboxName>

    init(_ list: [MailboxRecord], subscribed names: [String]) {
        records = Dictionary(list.map { (MailboxName(stored: $0.name), $0) }) { first, _ in first }
        subscribed = Set(names.map(MailboxName.init(stored:)))
        subscribedParents = Set(subscribed.flatMap(\.ancestors))
        parents = Set(records.keys.flatMap(\.ancestors))
    }

    func names(including subscriptions: Bool) -> [MailboxName] {
        var names = Set(records.keys).union(parents)
        if subscriptions { names.formUnion(subscribed.union(subscribedParents)) }
        return names.sorted(by: Self.order)
    }

    func attributes(_ name: MailboxName) -> [MailboxAttribute] {
        var attributes: [MailboxAttribute] = []
        if records[name] == nil { attributes.append(parents.contains(name) ? .noSelect : .nonExistent) }
        attributes.append(parents.contains(name) ? .hasChildren : .hasNoChildren)
        return attributes
    }

    /// INBOX first, then by name.
    static func order(_ left: MailboxName, _ right: MailboxName) -> Bool {
        if left.isInbox != right.isInbox { return left.isInbox }
        return left.value < right.value
    }
}
