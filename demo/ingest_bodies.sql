-- Hands the events waiting in the temporary table outgoing(n, event) to analytics.ingest(), in bodies of :body_events,
-- each in a transaction of its own, and says after each how far it is. Included by the demo's loading scripts.
--
-- Wants the psql variables store and body_events. Nothing of the demo may be rejected: a rejection is an error, which
-- takes its body back and ends the load. What was loaded before stays, and the next run skips it as duplicates.

CREATE FUNCTION pg_temp.progress(answer record, done bigint, wanted bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF answer.rejected > 0 THEN
        RAISE EXCEPTION '% of the demo''s events were rejected', answer.rejected
            USING DETAIL = answer.errors::text, HINT = 'The demo''s data and the extension disagree: this is a defect.';
    END IF;
    RETURN format('    %s of %s events', to_char(done, 'FM999,999,990'), to_char(wanted, 'FM999,999,990'))
        || CASE WHEN answer.duplicates > 0
                THEN format(' (%s of them known already)', to_char(answer.duplicates, 'FM999,999,990')) ELSE '' END;
END $$;

SELECT count(*) AS wanted FROM outgoing \gset

SELECT format(
    $$SELECT pg_temp.progress(answer, %s, %s)
      FROM analytics.ingest((SELECT string_agg(event, E'\n' ORDER BY n) FROM outgoing WHERE n > %s AND n <= %s),
                            'native', %L) AS answer$$,
    least(first + :body_events, :wanted), :wanted, first, first + :body_events, :'store')
FROM generate_series(0, :wanted - 1, :body_events) AS first
ORDER BY first
\gexec
