-- Rules of segments: what they make of each pair of scores, and what keeps them whole while they are edited.

-- No row has no segment: customers without orders are the pair of nulls.
CREATE OR REPLACE FUNCTION analytics.segment_cells(edited_alone boolean DEFAULT false) RETURNS TABLE (r smallint, fm smallint, segment text)
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT c.r, c.fm, (SELECT k.segment FROM analytics.segment_rule k
                        WHERE (NOT edited_alone OR k.edited) AND CASE WHEN c.r IS NULL THEN k.r_min IS NULL ELSE c.r BETWEEN k.r_min AND k.r_max AND c.fm BETWEEN k.fm_min AND k.fm_max END
                        ORDER BY k.priority LIMIT 1)
      FROM (SELECT r::smallint, fm::smallint FROM generate_series(1, 5) r, generate_series(1, 5) fm
            UNION ALL SELECT NULL, NULL) c
$$;
COMMENT ON FUNCTION analytics.segment_cells(boolean) IS 'the segment of each pair of scores (25), and of customers without orders (nulls), by all rules or by edited ones alone; segment null: no rule fits';

CREATE OR REPLACE FUNCTION analytics.segment_rules_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- they hold for all stores
    IF analytics.allowed_stores() IS NOT NULL THEN
        PERFORM analytics.require_store(NULL);
    END IF;
    IF TG_OP = 'TRUNCATE' THEN
        RAISE EXCEPTION 'segment_rule can''t be truncated' USING ERRCODE = '42501',
            HINT = 'DELETE and INSERT in one transaction: at its end each pair of scores must have a rule.';
    END IF;
    -- one editor at a time, so that two who each leave a whole set do not make one with a hole
    PERFORM pg_advisory_xact_lock(hashtextextended('analytics.segment_rule', 0));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION analytics.segment_rules_change() IS 'trigger of segment_rule: who may change it, and one at a time';

-- CREATE EXTENSION has made rules when a dump's are restored, be it row by row, each in a transaction of its own (pg_dump --inserts). Then
-- those of the extension go behind the dump's, so that at each COMMIT every pair of scores has a rule; segment_rules_check() removes them
-- as soon as the dump's do without. (A dump's rows say edited, those of an INSERT do not.)
CREATE OR REPLACE FUNCTION analytics.segment_rules_restored() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    behind constant integer := 2000000000;
    brought analytics.segment_rule[] := ARRAY(SELECT k FROM analytics.segment_rule k WHERE NOT k.edited AND k.priority < behind);
BEGIN
    IF brought <> '{}' THEN
        DELETE FROM analytics.segment_rule k WHERE NOT k.edited AND k.priority < behind;
        INSERT INTO analytics.segment_rule (priority, segment, r_min, r_max, fm_min, fm_max, edited)
        SELECT behind + row_number() OVER (ORDER BY b.priority), b.segment, b.r_min, b.r_max, b.fm_min, b.fm_max, false FROM unnest(brought) b;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION analytics.segment_rules_restored() IS 'trigger of segment_rule: rules of a dump come before those that the extension brings, which go when the dump''s are whole';

CREATE OR REPLACE FUNCTION analytics.segment_rules_edited() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- rows that say themselves what they are: restored
    IF TG_OP = 'INSERT' AND NOT EXISTS (SELECT FROM analytics.segment_rule k WHERE k.edited IS NULL) THEN
        RETURN NULL;
    END IF;
    -- All of them, so that all are dumped. This statement comes by here again, and finds nothing to do.
    IF EXISTS (SELECT FROM analytics.segment_rule k WHERE k.edited IS NOT TRUE) THEN
        UPDATE analytics.segment_rule k SET edited = true WHERE k.edited IS NOT TRUE;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION analytics.segment_rules_edited() IS 'trigger of segment_rule: an edit makes all rules the shop''s own';

CREATE OR REPLACE FUNCTION analytics.segment_rules_check() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holes text;
BEGIN
    SELECT string_agg(CASE WHEN c.r IS NULL THEN 'customers without orders' ELSE format('r %s, fm %s', c.r, c.fm) END, '; ' ORDER BY c.r, c.fm)
      INTO holes FROM analytics.segment_cells() c WHERE c.segment IS NULL;
    IF holes IS NOT NULL THEN
        RAISE EXCEPTION 'no segment rule fits some customers' USING ERRCODE = '23514', DETAIL = format('Without a rule: %s.', holes),
            HINT = 'Widen a rule or add one, in the same transaction. A rule whose four bounds are null is that of customers without orders.';
    END IF;
    -- a restored set that is whole needs none of the extension's
    IF EXISTS (SELECT FROM analytics.segment_rule k WHERE k.edited) AND NOT EXISTS (SELECT FROM analytics.segment_cells(true) c WHERE c.segment IS NULL) THEN
        DELETE FROM analytics.segment_rule k WHERE NOT k.edited;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION analytics.segment_rules_check() IS 'trigger of segment_rule, at COMMIT: 23514 where a pair of scores has no rule';

CREATE OR REPLACE FUNCTION analytics.reset_segment_rules() RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    DELETE FROM analytics.segment_rule;
    INSERT INTO analytics.segment_rule (priority, segment, r_min, r_max, fm_min, fm_max, edited)
    VALUES (10, 'champions', 4, 5, 5, 5, false),
           (20, 'loyal', 3, 5, 4, 5, false),
           (30, 'active', 4, 5, 2, 3, false),
           (40, 'new', 5, 5, 1, 1, false),
           (50, 'promising', 4, 4, 1, 1, false),
           (60, 'needs_attention', 3, 3, 2, 3, false),
           (70, 'almost_lost', 3, 3, 1, 1, false),
           (80, 'previously_loyal', 1, 2, 4, 5, false),
           (90, 'at_risk', 1, 2, 2, 3, false),
           (100, 'dormant', 1, 2, 1, 1, false),
           (110, 'prospects', NULL, NULL, NULL, NULL, false);
END
$$;
COMMENT ON FUNCTION analytics.reset_segment_rules() IS
'puts the rules that the extension brings in the place of those in segment_rule, for all stores, from COMMIT on. segment_history stays as it was recorded. 42501: the session''s claim names some stores alone';

DO $$
BEGIN
    -- (before the triggers are made; after an update from a version that had rules these stay)
    IF NOT EXISTS (SELECT FROM analytics.segment_rule) THEN
        PERFORM analytics.reset_segment_rules();
    END IF;
END
$$;

CREATE TRIGGER change BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON analytics.segment_rule
    FOR EACH STATEMENT EXECUTE FUNCTION analytics.segment_rules_change();
CREATE TRIGGER restored BEFORE INSERT ON analytics.segment_rule
    FOR EACH ROW WHEN (NEW.edited) EXECUTE FUNCTION analytics.segment_rules_restored();
CREATE TRIGGER edited AFTER INSERT OR UPDATE OR DELETE ON analytics.segment_rule
    FOR EACH STATEMENT EXECUTE FUNCTION analytics.segment_rules_edited();
CREATE CONSTRAINT TRIGGER whole AFTER INSERT OR UPDATE OR DELETE ON analytics.segment_rule
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION analytics.segment_rules_check();
