-- The pass over the built-in rollups, sessions and products, which all stand at one P as a rule.
DO $$
BEGIN
    PERFORM analytics.make_pass('merge_builtin_rollups'::text, ARRAY(SELECT r.name FROM analytics.rollup r WHERE r.builtin) || '{session,product}'::text[]);
END
$$;
