-- Domains that an account of ours has written to, as opposed to those that only strangers made us write to (forwards,
-- notifications): a share of the connections is kept for them.
ALTER TABLE relay_destination ADD COLUMN written_at timestamptz;
CREATE INDEX relay_destination_written ON relay_destination (next_at)
    WHERE next_at IS NOT NULL AND written_at IS NOT NULL;

-- Nobody is told that a junk mail could not be forwarded.
GRANT SELECT (mail_id, label) ON verdict TO martlet_relayd;
