-- Lessons that were settled and not learnt are forgotten after a while.
CREATE INDEX learn_event_refused ON learn_event (settled_at) WHERE outcome <> 'learnt';
GRANT DELETE ON learn_event TO martlet_classifyd;

-- Never read nor written: relayd's leases are in relay_lease and relay_copy.
ALTER TABLE work DROP COLUMN lease_until, DROP COLUMN fence;
