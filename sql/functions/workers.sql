-- Workers by hand. The functions are in native.sql, with all that needs the library; what workers do is maintain().

COMMENT ON FUNCTION analytics.start_workers() IS
'starts the refresh worker of this database, unless it runs; returns how many workers were started. Needed where the library is not preloaded, or after stop_workers(). 53400: no background worker slot is free; 55000: it did not start, or the launcher does not serve this database; 25006 on a standby';
REVOKE ALL ON FUNCTION analytics.start_workers() FROM PUBLIC;

COMMENT ON FUNCTION analytics.stop_workers() IS
'stops the workers of this database and waits until they are gone; returns how many were stopped. Holds until start_workers() or the next start of the server. 55006: one did not stop in time';
REVOKE ALL ON FUNCTION analytics.stop_workers() FROM PUBLIC;
