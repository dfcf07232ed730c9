-- Workers by hand. The functions are in native.sql, with all that needs the library; what workers do is maintain().

COMMENT ON FUNCTION analytics.start_workers() IS
'starts the refresh worker of this database, and the HTTP gateway if HTTP is to serve it, unless they run; returns how many were started. Needed where the library is not preloaded, or after stop_workers(). 53400: no background worker slot is free; 55000: it did not start, or the launcher does not serve this database; 25006 on a standby';
REVOKE ALL ON FUNCTION analytics.start_workers() FROM PUBLIC;

COMMENT ON FUNCTION analytics.stop_workers() IS
'stops the workers of this database and waits until they are gone; returns how many were stopped. Holds until start_workers() or the next start of the server. 55006: one did not stop in time';
REVOKE ALL ON FUNCTION analytics.stop_workers() FROM PUBLIC;

-- Workers hold a lock that nobody else can take, as the sign that they are there: pg_stat_activity does not show a
-- superuser's processes to an owner.
CREATE OR REPLACE FUNCTION analytics.running_workers() RETURNS TABLE (worker text, pid integer)
    LANGUAGE sql STABLE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE WHEN l.objsubid = 3 THEN 'gateway' WHEN l.objsubid = 4 THEN 'nightly' WHEN l.database = 0 THEN 'launcher' ELSE 'refresh' END, l.pid
      FROM pg_locks l
     WHERE l.locktype = 'object' AND l.classid = 'pg_extension'::regclass AND l.objid = 0 AND l.objsubid IN (1, 3, 4)
       AND l.database IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
$$;
COMMENT ON FUNCTION analytics.running_workers() IS 'the launcher, the refresh worker, the HTTP gateway and, at night, the nightly worker of this database that run, with their process ids';
REVOKE ALL ON FUNCTION analytics.running_workers() FROM PUBLIC;
