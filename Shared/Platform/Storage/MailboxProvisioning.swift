package import MailCore
package import PostgreSQL

/// The mailboxes that every account starts with (RFC 6154 names their uses).
///
/// UIDVALIDITY (RFC 3501 2.3.1.1: 32 bits, not zero, greater when a name is used again) of every new mailbox is
/// `(epoch & 127) << 24 | mailbox_id & 0xFFFFFF`: the id rises with each new mailbox, the installation's epoch rises
/// with each restore, so a value is neither reused for a name that comes back nor after a restore.
package enum MailboxProvisioning {
    package static let initialMailboxes: [(name: String, specialUse: String?)] = [
        ("INBOX", nil), ("Junk", "\\Junk"), ("Sent", "\\Sent"), ("Drafts", "\\Drafts"), ("Trash", "\\Trash"),
        ("Archive", "\\Archive"),
    ]

    /// What creates them, subscribed, for each account that lacks them; run it in the transaction that adds the accounts.
    package static func calls(for accounts: [AccountID]) -> [PostgresConnection.Call] {
        let ids = PostgresValue.int8Array(accounts.map(\.value))
        let names = PostgresValue.textArray(initialMailboxes.map(\.name))
        let uses = PostgresValue.textArrayOfOptionals(initialMailboxes.map(\.specialUse))
        return [(insertMailboxes, [ids, names, uses]), (insertSubscriptions, [ids, names])]
    }

    private static let insertMailboxes = PreparedStatement(
        "provision_mailboxes",
        """
        INSERT INTO mailbox (account_id, mailbox_id, name, special_use, uidvalidity)
        SELECT n.account_id, n.mailbox_id, n.name, n.special_use,
            ((i.epoch & 127)::bigint << 24) | (n.mailbox_id & 16777215)
        FROM (
            SELECT a.account_id, nextval('mailbox_id_seq') AS mailbox_id, m.name, m.special_use
            FROM unnest($1::bigint[]) AS a(account_id)
            CROSS JOIN unnest($2::text[], $3::text[]) AS m(name, special_use)
        ) n CROSS JOIN installation i
        ON CONFLICT (account_id, name) DO NOTHING
        """)

    private static let insertSubscriptions = PreparedStatement(
        "provision_subscriptions",
        """
        INSERT INTO subscription (account_id, name)
        SELECT a, n FROM unnest($1::bigint[]) AS a CROSS JOIN unnest($2::text[]) AS n
        ON CONFLICT DO NOTHING
        """)
}
