// The query behind the schema cache. PostgreSQL 15 to 18; everything in it is readable by any role.
#include "core/rest/schema.hpp"

namespace analytics::rest {
namespace {

// Members that would be null, false or empty are left out; read_schema() knows their defaults.
//
// Which column of which relation a view's column shows as it is, PostgreSQL notes when it parses the view: resorigtbl
// and resorigcol of the entries of its target list, in the text of the rule's node tree. That text is cut at each
// entry's number; how deep inside of queries a cut is, the beginnings ({QUERY) and ends (stmt_len is a query's last
// member) before it tell. Names in the text have blanks and braces escaped, so they can't be taken for any of these.
// Searching for fixed strings is ten times as fast as one regular expression.
constexpr std::string_view kQuery = R"sql(
WITH RECURSIVE served AS MATERIALIZED (
    SELECT n.oid, n.nspname, s.place
    FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY AS s(name, place)
    JOIN pg_catalog.pg_namespace n ON n.nspname = s.name
), relations AS MATERIALIZED (
    SELECT c.oid, s.nspname, c.relname, c.relkind, c.reltype,
           CASE WHEN c.relkind IN ('r', 'p') THEN 28
                WHEN c.relkind IN ('v', 'f') THEN pg_catalog.pg_relation_is_updatable(c.oid, true)
                ELSE 0 END AS writable
    FROM pg_catalog.pg_class c
    JOIN served s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition

-- Views, and the views below them.
), views AS (
    SELECT oid FROM relations WHERE relkind IN ('v', 'm')
    UNION
    SELECT below.oid
    FROM views v
    JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
                               AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    JOIN pg_catalog.pg_class below ON below.oid = d.refobjid AND below.relkind IN ('v', 'm')
), pieces AS (
    SELECT v.oid, p.piece, p.place,
           -- How many more begin than end in it: what is taken out of each makes the text a character shorter.
           pg_catalog.sum(pg_catalog.length(pg_catalog.replace(p.piece, ' :stmt_len ', ':stmt_len '))
                        - pg_catalog.length(pg_catalog.replace(p.piece, '{QUERY ', '{QUERY')))
               OVER (PARTITION BY v.oid ORDER BY p.place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS depth
    FROM views v
    JOIN pg_catalog.pg_rewrite r ON r.ev_class = v.oid AND r.ev_type = '1'
    CROSS JOIN LATERAL pg_catalog.string_to_table(
        pg_catalog.replace(r.ev_action::pg_catalog.text, '\{', ''), ' :resno ') WITH ORDINALITY AS p(piece, place)
), entries AS MATERIALIZED (
    SELECT oid,
           pg_catalog.split_part(piece, ' ', 1)::pg_catalog.int2 AS attnum,
           pg_catalog.split_part(pg_catalog.split_part(piece, ' :resorigtbl ', 2), ' ', 1)::pg_catalog.oid AS origin,
           pg_catalog.split_part(pg_catalog.split_part(piece, ' :resorigcol ', 2), ' ', 1)::pg_catalog.int2
               AS origin_attnum
    FROM pieces
    WHERE place > 1 AND depth = 1 AND piece LIKE '% :resjunk false%' AND piece NOT LIKE '% :resorigtbl 0 %'
), shown AS (
    SELECT e.oid, e.attnum, e.origin, e.origin_attnum FROM entries e JOIN relations r ON r.oid = e.oid
    UNION
    SELECT s.oid, s.attnum, e.origin, e.origin_attnum
    FROM shown s JOIN entries e ON e.oid = s.origin AND e.attnum = s.origin_attnum

-- Keys, of the tables below the views as well.
), key_tables AS MATERIALIZED (
    SELECT oid FROM relations UNION SELECT origin FROM shown
), keys AS MATERIALIZED (
    SELECT c.conname, c.contype, c.conrelid, c.confrelid, c.conkey, c.confkey, u.sorted, u.names, u.others
    FROM pg_catalog.pg_constraint c
    JOIN key_tables t ON t.oid = c.conrelid
    CROSS JOIN LATERAL (
        SELECT pg_catalog.array_agg(k.mine ORDER BY k.mine) AS sorted,
               pg_catalog.json_agg(a.attname ORDER BY k.place) AS names,
               pg_catalog.json_agg(f.attname ORDER BY k.place) AS others
        FROM ROWS FROM (pg_catalog.unnest(c.conkey), pg_catalog.unnest(c.confkey))
             WITH ORDINALITY AS k(mine, other, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.mine
        LEFT JOIN pg_catalog.pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = k.other
    ) u
    WHERE c.contype IN ('p', 'u') OR (c.contype = 'f' AND c.conparentid = 0)

-- Functions: those served, and any that takes a row of a relation served.
), arguments AS (
    SELECT p.oid, a.type, a.name, a.mode, a.place,
           pg_catalog.count(*) FILTER (WHERE a.mode IN ('i', 'b', 'v'))
               OVER (PARTITION BY p.oid ORDER BY a.place) AS input
    FROM pg_catalog.pg_proc p
    JOIN served s ON s.oid = p.pronamespace
    CROSS JOIN LATERAL (
        SELECT u.type, NULLIF(u.name, '') AS name, COALESCE(u.mode::pg_catalog.text, 'i') AS mode, u.place
        FROM ROWS FROM (pg_catalog.unnest(COALESCE(p.proallargtypes, p.proargtypes::pg_catalog.oid[])),
                        pg_catalog.unnest(p.proargnames), pg_catalog.unnest(p.proargmodes))
             WITH ORDINALITY AS u(type, name, mode, place)
        WHERE u.type IS NOT NULL
    ) a
    WHERE p.prokind = 'f'
), signatures AS (
    SELECT a.oid,
           pg_catalog.json_agg(pg_catalog.json_build_object(
               'name', a.name,
               'type', pg_catalog.format_type(a.type, NULL),
               'cast_type', CASE a.type WHEN 'pg_catalog.bpchar'::pg_catalog.regtype THEN 'character varying'
                                        WHEN 'pg_catalog.bpchar[]'::pg_catalog.regtype THEN 'character varying[]'
                                        WHEN 'pg_catalog.bit'::pg_catalog.regtype THEN 'bit varying'
                                        WHEN 'pg_catalog.bit[]'::pg_catalog.regtype THEN 'bit varying[]' END,
               'optional', NULLIF(a.input > p.pronargs - p.pronargdefaults, false),
               'variadic', NULLIF(a.mode = 'v', false)) ORDER BY a.place)
               FILTER (WHERE a.mode IN ('i', 'b', 'v')) AS inputs,
           pg_catalog.json_agg(pg_catalog.json_build_object(
               'name', a.name,
               'type', pg_catalog.format_type(a.type, NULL),
               'full_type', pg_catalog.format_type(a.type, NULL),
               'composite_or_array', NULLIF(t.typtype = 'c' OR t.typcategory = 'A', false)) ORDER BY a.place)
               FILTER (WHERE a.mode IN ('o', 'b', 't')) AS outputs,
           -- Arguments are named, but for the one that takes a request's whole body.
           CASE pg_catalog.count(*) FILTER (WHERE a.mode IN ('i', 'b', 'v') AND a.name IS NULL)
               WHEN 0 THEN true
               WHEN 1 THEN p.pronargs = 1 AND p.proargtypes[0] IN (
                    'pg_catalog.bytea'::pg_catalog.regtype, 'pg_catalog.json'::pg_catalog.regtype,
                    'pg_catalog.jsonb'::pg_catalog.regtype, 'pg_catalog.text'::pg_catalog.regtype,
                    'pg_catalog.xml'::pg_catalog.regtype)
               ELSE false END AS callable
    FROM arguments a
    JOIN pg_catalog.pg_proc p ON p.oid = a.oid
    JOIN pg_catalog.pg_type t ON t.oid = a.type
    GROUP BY p.oid, a.oid
), domains AS (
    SELECT oid, typbasetype AS base FROM pg_catalog.pg_type WHERE typtype = 'd'
    UNION ALL
    SELECT d.oid, t.typbasetype FROM domains d JOIN pg_catalog.pg_type t ON t.oid = d.base WHERE t.typtype = 'd'
), base_types AS MATERIALIZED (
    SELECT d.oid, d.base FROM domains d JOIN pg_catalog.pg_type t ON t.oid = d.base WHERE t.typtype <> 'd'
), media AS MATERIALIZED (
    SELECT t.oid, pg_catalog.lower(t.typname::pg_catalog.text) AS name,
           NULLIF(b.base = 'pg_catalog.bytea'::pg_catalog.regtype, false) AS binary
    FROM base_types b
    JOIN pg_catalog.pg_type t ON t.oid = b.oid
    WHERE t.typname = '*/*' OR t.typname ~ '^[A-Za-z0-9.-]+/[A-Za-z0-9.+-]+$'
), functions AS MATERIALIZED (
    SELECT p.oid, s.nspname, p.proname, p.provolatile, p.provariadic, p.proretset, p.proconfig, p.prorettype,
           a.inputs, a.outputs, NULLIF(t.typrelid, 0) AS typrelid, t.typtype = 'c' OR a.outputs IS NOT NULL AS composite
    FROM pg_catalog.pg_proc p
    JOIN served s ON s.oid = p.pronamespace
    LEFT JOIN signatures a ON a.oid = p.oid
    LEFT JOIN base_types b ON b.oid = p.prorettype
    JOIN pg_catalog.pg_type t ON t.oid = COALESCE(b.base, p.prorettype)
    WHERE p.prokind = 'f' AND p.prorettype <> 'pg_catalog.trigger'::pg_catalog.regtype
      AND COALESCE(a.callable, true)
), of_a_row AS MATERIALIZED (
    SELECT p.oid, n.nspname, p.proname, r.oid AS relation, p.prorettype, p.proretset, p.prorows, back.oid AS yields,
           p.prorettype IN (SELECT c.reltype FROM pg_catalog.pg_class c
                            WHERE c.reltype <> 0 AND c.relkind <> 'c') AS yields_rows
    FROM pg_catalog.pg_proc p
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    JOIN relations r ON r.reltype = p.proargtypes[0]
    LEFT JOIN relations back ON back.reltype = p.prorettype
    WHERE p.pronargs = 1 AND p.prokind = 'f'

-- How domains look to clients: functions of implicit casts, which PostgreSQL itself does not mind.
), representations AS MATERIALIZED (
    SELECT d.oid,
           pg_catalog.json_object_agg(
               CASE WHEN k.castsource = d.oid THEN 'to_' ELSE 'from_' END || other.typname,
               pg_catalog.json_build_object('schema', n.nspname, 'name', p.proname)) AS functions
    FROM pg_catalog.pg_cast k
    JOIN pg_catalog.pg_type d ON d.typtype = 'd' AND d.oid IN (k.castsource, k.casttarget)
    JOIN pg_catalog.pg_type other ON other.oid = CASE k.castsource WHEN d.oid THEN k.casttarget ELSE k.castsource END
    JOIN pg_catalog.pg_proc p ON p.oid = k.castfunc
    JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
    WHERE k.castcontext = 'i' AND k.castmethod = 'f' AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
      AND other.oid IN ('pg_catalog.json'::pg_catalog.regtype, 'pg_catalog.text'::pg_catalog.regtype)
    GROUP BY d.oid

-- Columns, of the rows that functions yield as well.
), rows AS (
    SELECT oid FROM relations UNION SELECT typrelid FROM functions WHERE typrelid IS NOT NULL
), columns AS MATERIALIZED (
    SELECT a.attrelid,
           pg_catalog.json_agg(pg_catalog.json_build_object(
               'name', a.attname,
               'type', pg_catalog.format_type(a.atttypid, NULL),
               'base_type', CASE WHEN b.base IS NOT NULL THEN pg_catalog.format_type(b.base, NULL) END,
               'full_type', CASE WHEN a.atttypmod <> -1 THEN pg_catalog.format_type(a.atttypid, a.atttypmod) END,
               'not_null', NULLIF(a.attnotnull OR (t.typtype = 'd' AND t.typnotnull), false),
               'has_default', NULLIF(a.atthasdef OR a.attidentity <> ''
                                     OR (t.typtype = 'd' AND t.typdefaultbin IS NOT NULL), false),
               'generated', NULLIF(a.attidentity = 'a' OR a.attgenerated <> '', false),
               'default_sql', CASE
                    WHEN a.attgenerated <> '' THEN NULL
                    WHEN a.atthasdef THEN
                        (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid)
                         FROM pg_catalog.pg_attrdef d
                         WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum)
                    WHEN a.attidentity <> '' THEN
                        (SELECT pg_catalog.format('nextval(%L)', d.objid::pg_catalog.regclass)
                         FROM pg_catalog.pg_depend d
                         WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = a.attrelid
                           AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid = a.attnum
                           AND d.deptype = 'i')
                    WHEN t.typtype = 'd' THEN pg_catalog.pg_get_expr(t.typdefaultbin, 0) END,
               'max_length', CASE
                    WHEN m.mod < 0 THEN NULL
                    WHEN m.type IN ('pg_catalog.bpchar'::pg_catalog.regtype,
                                    'pg_catalog.varchar'::pg_catalog.regtype) THEN m.mod - 4
                    WHEN m.type IN ('pg_catalog.bit'::pg_catalog.regtype,
                                    'pg_catalog.varbit'::pg_catalog.regtype) THEN m.mod END,
               'enum', CASE WHEN bt.typtype = 'e' THEN
                    (SELECT pg_catalog.json_agg(e.enumlabel ORDER BY e.enumsortorder)
                     FROM pg_catalog.pg_enum e
                     WHERE e.enumtypid = bt.oid) END,
               'comment', d.description,
               'composite_or_array', NULLIF(bt.typtype = 'c' OR bt.typcategory = 'A', false),
               'representation', f.functions)
               ORDER BY a.attnum) AS columns
    FROM rows r
    JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN base_types b ON b.oid = a.atttypid
    LEFT JOIN representations f ON f.oid = a.atttypid
    JOIN pg_catalog.pg_type bt ON bt.oid = COALESCE(b.base, a.atttypid)
    CROSS JOIN LATERAL (SELECT CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END AS type,
                               CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END AS mod) m
    LEFT JOIN pg_catalog.pg_description d ON d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                         AND d.objoid = a.attrelid AND d.objsubid = a.attnum
    GROUP BY a.attrelid
)
SELECT pg_catalog.json_strip_nulls(pg_catalog.json_build_object(
    'schemas', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                    'name', s.nspname, 'comment', pg_catalog.obj_description(s.oid, 'pg_namespace')) ORDER BY s.place)
                FROM served s),
    'relations', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                    'id', r.oid,
                    'schema', r.nspname,
                    'name', r.relname,
                    'comment', pg_catalog.obj_description(r.oid, 'pg_class'),
                    'is_view', NULLIF(r.relkind IN ('v', 'm'), false),
                    'insertable', NULLIF(r.writable & 8 = 8, false),
                    'updatable', NULLIF(r.writable & 4 = 4, false),
                    'deletable', NULLIF(r.writable & 16 = 16, false),
                    'columns', c.columns) ORDER BY r.nspname, r.relname)
                  FROM relations r LEFT JOIN columns c ON c.attrelid = r.oid),
    'primary_keys', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                        'table', k.conrelid, 'columns', k.names) ORDER BY k.conrelid)
                     FROM keys k WHERE k.contype = 'p'),
    'foreign_keys', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                        'name', k.conname,
                        'table', k.conrelid,
                        'target', k.confrelid,
                        'columns', k.names,
                        'target_columns', k.others,
                        'one_to_one', NULLIF((k.conrelid, k.sorted) IN
                            (SELECT u.conrelid, u.sorted FROM keys u WHERE u.contype IN ('p', 'u')), false))
                        ORDER BY k.conrelid, k.conname)
                     FROM keys k WHERE k.contype = 'f'),
    'shown', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                  'view', s.oid, 'column', v.attname, 'table', s.origin, 'origin', a.attname)
                  ORDER BY s.oid, s.origin, s.attnum)
              FROM shown s
              JOIN pg_catalog.pg_attribute v ON v.attrelid = s.oid AND v.attnum = s.attnum
              JOIN pg_catalog.pg_attribute a ON a.attrelid = s.origin AND a.attnum = s.origin_attnum
              WHERE (s.origin, s.origin_attnum) IN (
                  SELECT k.conrelid, pg_catalog.unnest(k.conkey) FROM keys k
                  UNION ALL
                  SELECT k.confrelid, pg_catalog.unnest(k.confkey) FROM keys k WHERE k.contype = 'f')),
    'functions', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                    'schema', f.nspname,
                    'name', f.proname,
                    'comment', pg_catalog.obj_description(f.oid, 'pg_proc'),
                    'parameters', f.inputs,
                    'has_variadic', NULLIF(f.provariadic <> 0, false),
                    'volatility', f.provolatile,
                    'is_set', NULLIF(f.proretset, false),
                    'composite', NULLIF(f.composite, false),
                    'type', pg_catalog.format_type(f.prorettype, NULL),
                    'media_type', m.name,
                    'binary', m.binary,
                    'outputs', f.outputs,
                    'row', f.typrelid,
                    'row_schema', CASE WHEN c.relkind <> 'c' THEN n.nspname END,
                    'row_name', CASE WHEN c.relkind <> 'c' THEN c.relname END,
                    'columns', CASE WHEN r.oid IS NULL THEN k.columns END,
                    'settings', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(
                                     pg_catalog.split_part(x, '=', 1),
                                     pg_catalog.substr(x, pg_catalog.strpos(x, '=') + 1)))
                                 FROM pg_catalog.unnest(f.proconfig) AS x
                                 WHERE pg_catalog.split_part(x, '=', 1) IN (
                                     'statement_timeout', 'plan_filter.statement_cost_limit',
                                     'default_transaction_isolation')),
                    'is_computed_field', NULLIF(f.oid IN
                        (SELECT o.oid FROM of_a_row o WHERE NOT o.yields_rows AND NOT o.proretset), false))
                    ORDER BY f.nspname, f.proname, f.oid)
                  FROM functions f
                  LEFT JOIN pg_catalog.pg_class c ON c.oid = f.typrelid
                  LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                  LEFT JOIN relations r ON r.oid = f.typrelid
                  LEFT JOIN columns k ON k.attrelid = f.typrelid
                  LEFT JOIN media m ON m.oid = f.prorettype),
    'handlers', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                    'schema', s.nspname,
                    'name', p.proname,
                    'media_type', m.name,
                    'binary', m.binary,
                    'row_schema', n.nspname,
                    'row_name', c.relname) ORDER BY p.oid)
                 FROM pg_catalog.pg_proc p
                 JOIN served s ON s.oid = p.pronamespace
                 JOIN media m ON m.oid = p.prorettype
                 LEFT JOIN pg_catalog.pg_class c ON c.reltype = p.proargtypes[0] AND c.relkind <> 'c'
                 LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 WHERE p.prokind = 'a' AND p.pronargs = 1
                   AND (c.oid IS NOT NULL OR p.proargtypes[0] = 'pg_catalog.anyelement'::pg_catalog.regtype)),
    'computed', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                    'schema', o.nspname,
                    'name', o.proname,
                    'from', o.relation,
                    'to', o.yields,
                    'to_one', NULLIF(NOT o.proretset OR o.prorows = 1, false),
                    'type', pg_catalog.format_type(o.prorettype, NULL),
                    'composite_or_array', NULLIF(t.typtype = 'c' OR t.typcategory = 'A', false))
                    ORDER BY o.nspname, o.proname, o.oid)
                 FROM of_a_row o JOIN pg_catalog.pg_type t ON t.oid = o.prorettype
                 WHERE o.yields IS NOT NULL OR (NOT o.yields_rows AND NOT o.proretset))
))::pg_catalog.text
)sql";

}  // namespace

std::string_view schema_query() { return kQuery; }

}  // namespace analytics::rest
