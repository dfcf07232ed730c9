-- Amounts as numeric has them, digit for digit: merge_cells() reads them where they lie and adds them by itself. Each event is in a cell of its
-- own, so that a cell must hold what the event says, with its scale; and all of them together are what sum() makes of them.
-- No transaction around it: what is merged must have been committed.
SELECT plan(8);
DO $$ BEGIN PERFORM setseed(0.42); END $$;

CREATE TEMPORARY TABLE amount AS
SELECT row_number() OVER () AS id, a.value
  FROM (SELECT v::numeric AS value
          FROM unnest('{0,0.0,0.000,1,9999,10000,10001,99990000,0.0001,0.00010,0.00001,1e22,1e32,999999999999999999999999999999999,1e-36,1e-37,1e-63,1e-64,1e-70,1.0000,10000.0000,12345678.90,9223372036854775807,9223372036854775808,170141183460469231731687303715884105727,0.5000000000000000000000000000000000000000}'::text[]) v
         WHERE v::numeric < 1e33
        UNION ALL
        -- short and long headers, every weight and scale: up to 33 digits before the point, 80 after it; of base-10,000 digits many are zero
        SELECT round(CASE WHEN random() < 0.2 THEN 0 ELSE (random() * 10 ^ (random() * 15)::integer)::numeric(40, 20) * (10::numeric ^ (random() * 17)::integer) END
                     + random()::numeric * random()::numeric / (10::numeric ^ (random() * 60)::integer), (random() * 80)::integer)
          FROM generate_series(1, 1500)) a
 WHERE a.value < 1e33;

INSERT INTO analytics.event (event_id, event_type, occurred_at, channel, product_id, amount, discount)
SELECT 'p' || id, 'purchase', '2026-03-01', 'p' || id, 'p', value, CASE WHEN id % 2 = 0 THEN value END FROM amount;
INSERT INTO analytics.event (event_id, event_type, occurred_at, channel, product_id, amount, tax)
SELECT 'r' || id, 'refund', '2026-03-02', 'r' || id, 'p', value, value FROM amount;

SELECT ok(analytics.refresh() > 2500, 'merged');
SELECT is_empty($$ SELECT a.value, c.gross_sales, c.discounts FROM amount a LEFT JOIN analytics.rollup_sales_daily c ON c.channel = 'p' || a.id
                    WHERE c.gross_sales::text IS DISTINCT FROM a.value::text OR c.discounts::text IS DISTINCT FROM CASE WHEN a.id % 2 = 0 THEN a.value::text ELSE '0' END $$,
                'an amount comes through with its digits and its scale');
SELECT is_empty($$ SELECT a.value, c.returns, c.taxes FROM amount a LEFT JOIN analytics.rollup_sales_daily c ON c.channel = 'r' || a.id
                    WHERE c.returns::text IS DISTINCT FROM a.value::text OR c.taxes::text IS DISTINCT FROM (-a.value)::text $$,
                'one with a sign, too; a negative zero is none');
SELECT is((SELECT gross_sales::text FROM analytics.rollup_product_daily WHERE bucket = '2026-03-01'), (SELECT sum(value)::text FROM amount), 'all of them in one cell');
SELECT is((SELECT returns::text FROM analytics.rollup_product_daily WHERE bucket = '2026-03-02'), (SELECT sum(value)::text FROM amount), 'and those of refunds');
SELECT cmp_ok((SELECT count(DISTINCT scale(value)) FROM amount), '>', 60::bigint, 'scales of many lengths');

-- what is taken back leaves zero, with the scale that it had
DO $$ BEGIN PERFORM analytics.retract(event_id) FROM analytics.event WHERE event_type = 'purchase' AND sign = 1 AND (amount = 0 OR event_id LIKE '%7'); END $$;
DO $$ BEGIN PERFORM analytics.refresh(); END $$;
SELECT is_empty($$ SELECT * FROM analytics.rollup_sales_daily WHERE channel LIKE 'p%' AND (channel LIKE '%7') AND (gross_sales <> 0 OR discounts <> 0 OR lines <> 0) $$, 'taken back, nothing is left');
SELECT is_empty($$ SELECT a.value, c.gross_sales FROM amount a JOIN analytics.rollup_sales_daily c ON c.channel = 'p' || a.id WHERE c.channel LIKE '%7' AND c.gross_sales::text <> (a.value - a.value)::text $$,
                'of an amount less itself');
SELECT * FROM finish();
