-- Order values, counted: what quantiles are taken from. A cell holds bigint[], one element for each value that orders had, by
-- value: how many orders (its upper bits, times 65,536) and the value in a code (the lower 16 bits). Values are rounded to three
-- significant digits, so that a quantile is within 0.5 % and a cell has a few hundred elements, however many orders it holds. Two
-- cells' arrays, one after the other, are the counts of both: they add, and an order that is taken back counts -1.

CREATE OR REPLACE FUNCTION analytics.order_value_count(value numeric, times integer) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written text;
    digits integer;
    exponent integer;
BEGIN
    IF value < 0.000001 THEN
        RETURN times::bigint << 16;
    END IF;
    written := to_char(value, '9.99EEEE');  -- 1.23e+04
    digits := replace(split_part(written, 'e', 1), '.', '');
    exponent := split_part(written, 'e', 2);
    IF digits = 1000 THEN  -- 9.995 is written as 10.00e+00
        digits := 100;
        exponent := exponent + 1;
    END IF;
    RETURN (times::bigint << 16) + 1000 * (exponent + 6) + digits;
END
$$;
COMMENT ON FUNCTION analytics.order_value_count(numeric, integer) IS 'an order value, so many times, as an element of order_values: three significant digits; 0 below 0.000001';

CREATE OR REPLACE FUNCTION analytics.gather_order_values(counts bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF counts IS NULL OR counts = '{}' THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT (sum(c >> 16)::bigint << 16) + (c & 65535) FROM unnest(counts) c
                  GROUP BY c & 65535 HAVING sum(c >> 16) <> 0 ORDER BY c & 65535);
END
$$;
COMMENT ON FUNCTION analytics.gather_order_values(bigint[]) IS 'counts of order values with one element a value';

CREATE OR REPLACE FUNCTION analytics.add_order_values(a bigint[], b bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF b IS NULL OR b = '{}' THEN
        RETURN a;
    END IF;
    RETURN analytics.gather_order_values(a || b);
END
$$;
COMMENT ON FUNCTION analytics.add_order_values(bigint[], bigint[]) IS 'counts of order values of two cells together';

-- The smallest value that so many of the orders do not exceed: percentile_disc() of the rounded values, which is the rounded
-- percentile_disc() of the values, since rounding keeps their order.
CREATE OR REPLACE FUNCTION analytics.order_value_quantile(counts bigint[], quantile numeric) RETURNS numeric
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    counted bigint;
    total bigint := 0;
    below bigint;
BEGIN
    FOREACH counted IN ARRAY counts LOOP
        total := total + (counted >> 16);
    END LOOP;
    below := ceil(quantile * total);
    FOREACH counted IN ARRAY counts LOOP
        below := below - (counted >> 16);
        IF below <= 0 THEN
            counted := counted & 65535;
            RETURN CASE counted WHEN 0 THEN 0 ELSE trim_scale((counted % 1000) * (10::numeric ^ (counted / 1000 - 8)::integer)) END;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION analytics.order_value_quantile(bigint[], numeric) IS 'a quantile (0 to 1) of counted order values, null without orders; of two in the middle the lower; within 0.5 %';
