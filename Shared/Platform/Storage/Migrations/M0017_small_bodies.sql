-- A chunk that fits on a page stays in its row: a body of 4 KiB is one row, and not one with three more in a TOAST table and
-- its index, which costs half of the time of the insert. Larger chunks are compressed and go there as before.
ALTER TABLE body_chunk SET (toast_tuple_target = 8160);
