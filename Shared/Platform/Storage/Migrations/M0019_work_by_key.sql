-- Whoever has a batch of mails finds their work by its key, and only unparked work. An index of just that work can then be walked for
-- each mail instead: on a table that is empty when a plan is made, both seem to cost nothing. So the condition is written as only the
-- sweeper writes it.
DROP INDEX work_due;
CREATE INDEX work_due ON work (stage, next_hint_at) WHERE coalesce(parked_at, 'infinity') = 'infinity';
