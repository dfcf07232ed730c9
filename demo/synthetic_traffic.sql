-- Loads native events of synthetic traffic into the store 'synthetic-traffic'. For psql, with NDJSON on standard input:
--
--     traffic_generator | psql -X -q -v ON_ERROR_STOP=1 -f synthetic_traffic.sql

\pset tuples_only on
\pset format unaligned
\set store synthetic-traffic
\set body_events 5000

SET client_min_messages = warning;
SET client_encoding = 'UTF8';

SELECT analytics.set_setting('currency', 'EUR', :'store'),
       analytics.set_setting('timezone', 'Europe/Berlin', :'store')
\g /dev/null

CREATE TEMPORARY TABLE outgoing (n bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, event text NOT NULL);

-- lines as they are: neither character can stand in JSON text
\copy outgoing (event) FROM pstdin WITH (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')

\ir ingest_bodies.sql
