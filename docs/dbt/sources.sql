-- The views as dbt sources: psql -XAtq -f docs/dbt/sources.sql > models/sources.yml, as the role that dbt connects as.
-- It writes what that role may read, own rollups included. Texts are JSON strings, which YAML takes as they are.
SELECT format(E'version: 2\n\nsources:\n  - name: analytics\n    schema: analytics\n    tables:\n%s', string_agg(t.yaml, E'\n' ORDER BY t.relation))
  FROM (SELECT d.relation,
               format(E'      - name: %s\n        description: %s\n        columns:\n', d.relation, to_json(d.relation_comment))
               || string_agg(format(E'          - name: %s\n            description: %s\n            data_type: %s\n            meta: {unit: %s, additive: %s}',
                                    d.column_name, to_json(d.definition), to_json(d.data_type), d.unit, d.additive::text), E'\n' ORDER BY d.position) AS yaml
          FROM analytics.data_dictionary d
         GROUP BY d.relation, d.relation_comment) t;
