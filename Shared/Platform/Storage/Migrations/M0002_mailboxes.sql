-- Mailboxes. account_id leads every key, so that accounts can be distributed over hosts.

CREATE SEQUENCE mailbox_id_seq;

CREATE TABLE mailbox (
    account_id  bigint NOT NULL,
    mailbox_id  bigint NOT NULL DEFAULT nextval('mailbox_id_seq'),
    name        text NOT NULL,                    -- decoded (UTF-8), levels divided by '/', INBOX in capitals
    special_use text,                             -- RFC 6154, e.g. '\Junk'
    uidvalidity bigint NOT NULL,
    uidnext     bigint NOT NULL DEFAULT 1,
    modseq      bigint NOT NULL DEFAULT 1,
    messages    bigint NOT NULL DEFAULT 0,
    unseen      bigint NOT NULL DEFAULT 0,
    deleted     bigint NOT NULL DEFAULT 0,        -- messages flagged \Deleted
    bytes       bigint NOT NULL DEFAULT 0,
    recent_uid  bigint NOT NULL DEFAULT 0,        -- UIDs above are \Recent for the next SELECT
    keywords    text[] NOT NULL DEFAULT '{}',     -- keyword i is flag bit 8 + i
    PRIMARY KEY (account_id, mailbox_id),
    UNIQUE (account_id, name)
) WITH (fillfactor = 50);

CREATE TABLE subscription (
    account_id bigint NOT NULL,
    name       text NOT NULL,
    PRIMARY KEY (account_id, name)
);

-- A delivered message = prefix + shared body.
CREATE TABLE mailbox_message (
    account_id    bigint NOT NULL,
    mailbox_id    bigint NOT NULL,
    uid           bigint NOT NULL,
    modseq        bigint NOT NULL,
    flags         bigint NOT NULL,                -- bits: 0 \Seen 1 \Answered 2 \Flagged 3 \Deleted 4 \Draft, 8.. keywords
    mail_id       uuid NOT NULL,
    body_id       uuid NOT NULL,
    size          bigint NOT NULL,                -- prefix + body
    prefix        bytea NOT NULL,
    internal_date timestamptz NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, uid)
) WITH (fillfactor = 90);
CREATE INDEX mailbox_message_modseq ON mailbox_message (account_id, mailbox_id, modseq);
CREATE INDEX mailbox_message_body ON mailbox_message (body_id);
CREATE INDEX mailbox_message_mail ON mailbox_message (mail_id);

-- What clients that come back must hear of (RFC 7162 3.2.7), one narrow row per message; kept as long as its mailbox.
CREATE TABLE expunged (
    account_id bigint NOT NULL,
    mailbox_id bigint NOT NULL,
    uid        bigint NOT NULL,
    modseq     bigint NOT NULL,
    PRIMARY KEY (account_id, mailbox_id, uid)
);
CREATE INDEX expunged_modseq ON expunged (account_id, mailbox_id, modseq);
