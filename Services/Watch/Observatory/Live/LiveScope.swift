import Logging
import MailCore
import ServiceKit
import Storage

/// What the viewers of one scope were last told, and what is new.
struct LiveScope: Sendable {
    /// Newest mails that a stream begins with; those under way are followed for longer.
    static let newest = 50
    static let maximumFollowed = 150

    /// A state that replaces the one told before under the same key.
    struct Item: Sendable {
        let name: String
        let key: String
        let data: String
    }

    private struct Followed: Sendable {
        var data: String
        var events: Int
        var isDone: Bool
    }

    private var overview = ""
    private var overviewTold = ""
    private var parked = ""
    private var parkedTold = ""
    private var mails: [MailID: Followed] = [:]

    /// Everything, for somebody new; mails oldest first.
    var all: [Item] {
        var items: [Item] = []
        if !overviewTold.isEmpty { items.append(Item(name: "overview", key: "overview", data: overviewTold)) }
        if !parkedTold.isEmpty { items.append(Item(name: "parked", key: "parked", data: parkedTold)) }
        return items + mails.keys.sorted().suffix(Self.newest).compactMap(item)
    }

    private func item(_ mail: MailID) -> Item? {
        mails[mail].map { Item(name: "mail", key: "mail \(mail)", data: $0.data) }
    }

    /// Asks what is new. What cannot be asked now is not new.
    mutating func look(_ reader: Reader, _ viewer: Viewer, isFull: Bool, _ logger: Logger) async -> [Item] {
        var items: [Item] = []
        let overview = await reader.overview(viewer)
        if let item = take(overview) { items.append(item) }
        do {
            if let item = take(try await reader.parked(viewer, limit: 100)) { items.append(item) }
            for mail in try await changedMails(reader, viewer, isFull: isFull) {
                if let item = item(mail) { items.append(item) }
            }
        } catch {
            logger.debug("no look at the mails", metadata: [LogKey.error: "\(type(of: error))"])
        }
        return items
    }

    private mutating func take(_ answer: OverviewAnswer) -> Item? {
        // Ages grow by themselves; that is told when something else changes, or with the seconds of what waits.
        var comparable = answer
        comparable.at = ""
        let text = JSON.text(comparable)
        guard text != overview else { return nil }
        overview = text
        overviewTold = JSON.text(answer)
        return Item(name: "overview", key: "overview", data: overviewTold)
    }

    private mutating func take(_ answer: ParkedAnswer) -> Item? {
        let text = answer.parked.map { "\($0.mail) \($0.recipient) \($0.stage) \($0.attempts)" }.joined(separator: "\n")
        guard text != parked || parkedTold.isEmpty else { return nil }
        parked = text
        parkedTold = JSON.text(answer)
        return Item(name: "parked", key: "parked", data: parkedTold)
    }

    /// Mails that are new or went on, oldest first.
    private mutating func changedMails(_ reader: Reader, _ viewer: Viewer, isFull: Bool) async throws -> [MailID] {
        let newest = try await reader.mails.newest(viewer.scope, nil, Self.newest)
        let counts = try await reader.mails.eventCounts(Array(Set(newest).union(mails.keys)))
        let suspects = Set(newest).union(mails.keys).filter { mail in
            guard let known = mails[mail] else { return true }
            return counts[mail, default: 0] != known.events || (isFull && !known.isDone)
        }
        var changed: [MailID] = []
        for mail in try await reader.mails(Array(suspects), viewer) {
            let answer = MailAnswer(mail)
            let data = JSON.text(answer)
            if mails[mail.id]?.data != data { changed.append(mail.id) }
            mails[mail.id] = Followed(data: data, events: counts[mail.id, default: 0], isDone: answer.stage == .done)
        }
        forget(keeping: Set(newest))
        return changed.sorted()
    }

    /// Follows the newest, and older ones while they are under way.
    private mutating func forget(keeping newest: Set<MailID>) {
        mails = mails.filter { newest.contains($0.key) || !$0.value.isDone }
        guard mails.count > Self.maximumFollowed else { return }
        for mail in mails.keys.sorted().prefix(mails.count - Self.maximumFollowed) { mails[mail] = nil }
    }
}
