-- The keys that outgoing mail is signed with (DKIM), per domain and selector.
--
-- A new key waits (`signs_from` NULL) until its record is in the DNS, then it signs, then it is retired: its private half
-- is wiped, the row stays as a reminder that its record may be taken out of the DNS.
CREATE TABLE domain_key (
    domain      text NOT NULL REFERENCES domain (name) ON DELETE CASCADE,
    selector    text NOT NULL,
    algorithm   text NOT NULL CHECK (algorithm IN ('rsa-sha256', 'ed25519-sha256')),
    private_key bytea,                           -- RSA: PKCS#8 in DER; Ed25519: the seed; NULL once retired
    public_key  bytea NOT NULL,                  -- what p= of its record holds
    created_at  timestamptz NOT NULL DEFAULT now(),
    signs_from  timestamptz,
    retired_at  timestamptz,
    PRIMARY KEY (domain, selector),
    CHECK ((private_key IS NULL) = (retired_at IS NOT NULL))
);

-- relayd signs. Nobody else reads a key.
GRANT SELECT ON domain_key TO martlet_relayd;
