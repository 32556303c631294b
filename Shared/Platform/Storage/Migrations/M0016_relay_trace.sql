-- A trace shows when a copy is tried next, and why not now.
GRANT SELECT ON relay_copy, relay_destination TO martlet_watchd;
