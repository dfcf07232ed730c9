-- A table with event's columns and nothing else of it: no partitions, no checks, no key table, one index.
CREATE TABLE bench.bare (LIKE analytics.event INCLUDING DEFAULTS);
ALTER TABLE bench.bare DROP COLUMN stamp, ADD PRIMARY KEY (store_id, event_id, line);
