-- Ingestion: what the functions of functions/native.sql mean, and who may call them. Retraction: functions/retract.sql.

COMMENT ON FUNCTION analytics.stamp() IS
'id of the top-level transaction; generates event.stamp and serves nothing else';

COMMENT ON FUNCTION analytics.ingest(jsonb, text, text) IS
'takes in one event or an array of events; each counts once, whatever the retry looks like. Bad events are reported, kept in rejected_event, and spoil no others.
format: auto or native. store: the store of events that name none; other than main, events that name another are rejected.
accepted: stored, or replacing a lower revision. duplicates: known already. rejected: see errors, the first 100 of them as {index, event_id, code, pointer, message}, index from 0.
22023: an argument is null, empty or unknown';
COMMENT ON FUNCTION analytics.ingest(text, text, text) IS
'takes in one event, an array of events, or one event a line (NDJSON); each counts once, whatever the retry looks like. Bad events are reported, kept in rejected_event, and spoil no others.
format: auto or native. store: the store of events that name none; other than main, events that name another are rejected.
accepted: stored, or replacing a lower revision. duplicates: known already. rejected: see errors, the first 100 of them as {index, event_id, code, pointer, message}, index from 0.
22P02: the payload is no JSON at all. 22023: an argument is null, empty or unknown';

COMMENT ON FUNCTION analytics.validate(jsonb, text, text) IS
'what ingest() would do with each event, in order; writes nothing, and works in read-only transactions.
outcome: accepted, duplicate, supersedes or rejected (with code, pointer and message). event_id: null where one would be made up. lines: how many new lines it would write.
22023: an argument is null, empty or unknown';
COMMENT ON FUNCTION analytics.validate(text, text, text) IS
'what ingest() would do with each event, in order; writes nothing, and works in read-only transactions.
outcome: accepted, duplicate, supersedes or rejected (with code, pointer and message). event_id: null where one would be made up. lines: how many new lines it would write.
22P02: the payload is no JSON at all. 22023: an argument is null, empty or unknown';

COMMENT ON FUNCTION analytics.replay_rejected(bigint[], text) IS
'takes in the open rows of rejected_event again, in order of rejected_id; ids and store null: all. Accepted ones and duplicates become replayed, the others stay open with the new reason.
Returns as ingest(); index is the place among the replayed rows, from 0. Rows whose payload is null are left alone';

REVOKE ALL ON FUNCTION analytics.stamp() FROM PUBLIC;
REVOKE ALL ON FUNCTION analytics.ingest(jsonb, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION analytics.ingest(text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION analytics.validate(jsonb, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION analytics.validate(text, text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION analytics.replay_rejected(bigint[], text) FROM PUBLIC;
