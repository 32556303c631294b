-- Who has a maildrop open over POP3 (RFC 1939 4): one session per account, over all processes and hosts.
--
-- Unlogged: opening a maildrop waits for no disk. After a crash the table is empty, and a session from before it finds
-- that its fence is gone: its QUIT removes nothing.
CREATE UNLOGGED TABLE maildrop_lease (
    account_id bigint PRIMARY KEY,
    holder     text NOT NULL,                     -- the process, for people who look
    fence      bigint NOT NULL,                   -- of one session, random; QUIT removes messages only under its own
    until      timestamptz NOT NULL               -- by this database's clock; renewed by the holder
) WITH (fillfactor = 50);

GRANT SELECT, INSERT, UPDATE, DELETE ON maildrop_lease TO martlet_accessd;
