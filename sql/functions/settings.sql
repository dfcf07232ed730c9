-- Settings of stores, exchange rates, and the words a figure may carry.

-- ISO 4217 codes in use, and those withdrawn since 2020, for archives. The parser's own list (src/core/currency.cpp) is
-- the same; a test compares them.
CREATE OR REPLACE FUNCTION analytics.known_currency(code text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT code = ANY ('{AED,AFN,ALL,AMD,ANG,AOA,ARS,AUD,AWG,AZN,BAM,BBD,BDT,BGN,BHD,BIF,BMD,BND,BOB,BOV,BRL,BSD,BTN,BWP,BYN,BZD,
        CAD,CDF,CHE,CHF,CHW,CLF,CLP,CNY,COP,COU,CRC,CUC,CUP,CVE,CZK,DJF,DKK,DOP,DZD,EGP,ERN,ETB,EUR,FJD,FKP,GBP,
        GEL,GHS,GIP,GMD,GNF,GTQ,GYD,HKD,HNL,HRK,HTG,HUF,IDR,ILS,INR,IQD,IRR,ISK,JMD,JOD,JPY,KES,KGS,KHR,KMF,KPW,
        KRW,KWD,KYD,KZT,LAK,LBP,LKR,LRD,LSL,LYD,MAD,MDL,MGA,MKD,MMK,MNT,MOP,MRU,MUR,MVR,MWK,MXN,MXV,MYR,MZN,NAD,
        NGN,NIO,NOK,NPR,NZD,OMR,PAB,PEN,PGK,PHP,PKR,PLN,PYG,QAR,RON,RSD,RUB,RWF,SAR,SBD,SCR,SDG,SEK,SGD,SHP,SLE,
        SLL,SOS,SRD,SSP,STN,SVC,SYP,SZL,THB,TJS,TMT,TND,TOP,TRY,TTD,TWD,TZS,UAH,UGX,USD,USN,UYI,UYU,UYW,UZS,VED,
        VES,VND,VUV,WST,XAF,XCD,XCG,XOF,XPF,YER,ZAR,ZMW,ZWG,ZWL}'::text[])
$$;
COMMENT ON FUNCTION analytics.known_currency(text) IS 'whether the code is an ISO 4217 currency in use';

-- The defaults of set_setting's keys, and what the keys are.
CREATE OR REPLACE FUNCTION analytics.default_setting(key text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT CASE key WHEN 'timezone' THEN 'UTC' WHEN 'currency' THEN 'USD' WHEN 'week_start' THEN 'monday'
                    WHEN 'session_gap' THEN '30 minutes' WHEN 'tax_included' THEN 'false' WHEN 'clock' THEN 'now'
                    WHEN 'event_retention' THEN '' END
$$;
COMMENT ON FUNCTION analytics.default_setting(text) IS 'default of a setting key; null for a key that is none';

CREATE OR REPLACE FUNCTION analytics.setting_in_force(key text, store text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(
        (SELECT to_jsonb(s) ->> $1 FROM analytics.store s WHERE s.store_id = $2 AND $1 <> 'store_id'),
        (SELECT to_jsonb(s) ->> $1 FROM analytics.store s WHERE s.store_id = '' AND $1 <> 'store_id'),
        analytics.default_setting($1))
$$;
COMMENT ON FUNCTION analytics.setting_in_force(text, text) IS 'value of a setting in force for a store, whatever the claim';

CREATE OR REPLACE FUNCTION analytics.claimed_setting(key text, store text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF store <> '' THEN
        PERFORM analytics.require_store(store);
    END IF;
    RETURN analytics.setting_in_force(key, store);
END
$$;
COMMENT ON FUNCTION analytics.claimed_setting(text, text) IS 'value of a setting in force for a store that the claim "stores" allows; 42501: another store';

-- The engine asks for every store's, whatever the session's claim. It runs as the owner of the tables, which nobody else may write.
CREATE OR REPLACE FUNCTION analytics.get_setting(key text, store text DEFAULT 'main') RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF has_table_privilege('analytics.store', 'UPDATE') THEN
        RETURN analytics.setting_in_force(key, store);
    END IF;
    RETURN analytics.claimed_setting(key, store);
END
$$;
COMMENT ON FUNCTION analytics.get_setting(text, text) IS 'value of a setting in force for a store; '''': the default of all stores. 42501: a store that the claim "stores" does not allow';

CREATE OR REPLACE FUNCTION analytics.set_setting(key text, value text, store text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target text := coalesce(set_setting.store, '');
    wanted text := nullif(set_setting.value, '');
    hint text;
    moved boolean;
BEGIN
    IF key IS NULL OR analytics.default_setting(key) IS NULL THEN
        RAISE EXCEPTION 'unknown setting key' USING ERRCODE = '22023', DETAIL = format('Got %L.', key),
            HINT = 'Use one of timezone, currency, week_start, session_gap, tax_included, clock, event_retention.';
    END IF;
    IF octet_length(target) > 1024 OR store = '' THEN
        RAISE EXCEPTION 'invalid store' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(store, 100)),
            HINT = 'Pass a store id of 1 to 1024 bytes, or NULL for the default of all stores.';
    END IF;
    PERFORM analytics.require_store(store);
    hint := CASE key
        WHEN 'timezone' THEN 'Use an IANA name such as Europe/London; see pg_timezone_names.'
        WHEN 'currency' THEN 'Use an ISO 4217 code such as EUR.'
        WHEN 'week_start' THEN 'Use monday, sunday or saturday.'
        WHEN 'tax_included' THEN 'Use true or false.'
        WHEN 'clock' THEN 'Use now, or data for the newest event''s time.'
        ELSE 'Use an interval such as ''30 minutes'', more than 0, at most 100 years.' END;
    IF wanted IS NOT NULL THEN
        BEGIN
            CASE key
                WHEN 'timezone' THEN
                    IF NOT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = wanted AND z.name NOT IN ('localtime', 'posixrules', 'Factory')) THEN
                        RAISE invalid_parameter_value;
                    END IF;
                WHEN 'currency' THEN
                    wanted := upper(wanted);
                    IF NOT analytics.known_currency(wanted) THEN
                        RAISE invalid_parameter_value;
                    END IF;
                WHEN 'week_start' THEN
                    wanted := lower(wanted);
                    IF wanted NOT IN ('monday', 'sunday', 'saturday') THEN
                        RAISE invalid_parameter_value;
                    END IF;
                WHEN 'clock' THEN
                    wanted := lower(wanted);
                    IF wanted NOT IN ('now', 'data') THEN
                        RAISE invalid_parameter_value;
                    END IF;
                WHEN 'tax_included' THEN
                    wanted := wanted::boolean::text;
                ELSE
                    -- times are moved by it, and must stay times: those of one store are looked at together with everybody's
                    IF wanted::interval <= interval '0' OR wanted::interval > interval '100 years' THEN
                        RAISE invalid_parameter_value;
                    END IF;
                    -- a gap in hours: a day's length would be that of the calling session's time zone
                    wanted := CASE key WHEN 'session_gap' THEN make_interval(secs => extract(epoch FROM wanted::interval)::double precision)
                                       ELSE wanted::interval END::text;
            END CASE;
        EXCEPTION WHEN data_exception THEN
            RAISE EXCEPTION 'invalid value for setting "%"', key USING ERRCODE = '22023',
                DETAIL = format('Got %L.', left(value, 100)), HINT = hint;
        END;
    END IF;
    moved := key IN ('timezone', 'week_start', 'currency', 'session_gap');
    IF moved THEN
        IF current_setting('transaction_isolation') <> 'read committed' THEN
            -- cells merged since this transaction's snapshot could not be seen, and would stay where they were
            RAISE EXCEPTION 'setting "%" can be changed under READ COMMITTED only', key USING ERRCODE = '25001',
                HINT = 'Call set_setting() in a transaction of its own.';
        END IF;
        PERFORM analytics.lock_engine(true);
    END IF;
    EXECUTE format('INSERT INTO analytics.store (store_id, %1$I) VALUES ($1, $2::%2$s)
                    ON CONFLICT (store_id) DO UPDATE SET %1$I = excluded.%1$I',
                   key, CASE key WHEN 'session_gap' THEN 'interval' WHEN 'event_retention' THEN 'interval'
                                 WHEN 'tax_included' THEN 'boolean' ELSE 'text' END)
        USING target, wanted;
    -- Days, weeks or currencies of what is merged have moved: build it anew, in this very transaction.
    IF moved THEN
        PERFORM analytics.tell_what_is_gone(store);
    END IF;
    IF key IN ('session_gap', 'currency') THEN
        PERFORM analytics.forget_sessions();
        PERFORM analytics.merge_sessions();
    END IF;
    IF key = 'session_gap' THEN
        PERFORM analytics.outdate_snapshots();
    ELSIF moved THEN
        PERFORM analytics.rebuild_store(store);
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.set_setting(text, text, text) IS
'sets a setting of a store, or with store null the default of all stores; value null or '''' goes back to the default.
Keys: timezone (UTC), currency (USD), week_start (monday), session_gap (30 minutes), tax_included (false), clock (now), event_retention (for ever).
A change that moves figures rebuilds them in the same transaction. 22023: unknown key or invalid value';

CREATE OR REPLACE FUNCTION analytics.set_exchange_rate(currency text, rate numeric, valid_from date, store text DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    until date;
    first_day date;
    last_day date;
    built_from date;
BEGIN
    IF currency IS NULL OR NOT analytics.known_currency(upper(currency)) THEN
        RAISE EXCEPTION 'unknown currency' USING ERRCODE = '22023', DETAIL = format('Got %L.', left(currency, 100)),
            HINT = 'Use an ISO 4217 code such as EUR.';
    ELSIF rate IS NULL OR NOT (rate > 0 AND rate < 1e12) THEN
        RAISE EXCEPTION 'invalid exchange rate' USING ERRCODE = '22023', DETAIL = format('Got %s.', rate),
            HINT = 'Pass units of the reporting currency for 1 of this currency, a positive number.';
    ELSIF valid_from IS NULL OR NOT isfinite(valid_from) THEN
        RAISE EXCEPTION 'invalid first day of an exchange rate' USING ERRCODE = '22023',
            DETAIL = format('Got %s.', valid_from), HINT = 'Pass the first day the rate holds for.';
    ELSIF store = '' THEN
        RAISE EXCEPTION 'invalid store' USING ERRCODE = '22023',
            HINT = 'Pass a store id, or NULL for the default of all stores.';
    END IF;
    PERFORM analytics.require_store(store);
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        -- days merged since this transaction's snapshot could not be seen, and would keep the old rate
        RAISE EXCEPTION 'an exchange rate can be set under READ COMMITTED only' USING ERRCODE = '25001',
            HINT = 'Call set_exchange_rate() in a transaction of its own.';
    END IF;
    PERFORM analytics.lock_engine(true);
    INSERT INTO analytics.exchange_rate AS r (store_id, currency, valid_from, rate)
    VALUES (coalesce(set_exchange_rate.store, ''), upper(set_exchange_rate.currency), set_exchange_rate.valid_from,
            set_exchange_rate.rate)
    ON CONFLICT ON CONSTRAINT exchange_rate_pkey DO UPDATE SET rate = excluded.rate;
    -- customers' days that are merged were converted at another rate, or left out
    SELECT min(x.valid_from) INTO until FROM analytics.exchange_rate x
     WHERE x.store_id = coalesce(set_exchange_rate.store, '') AND x.currency = upper(set_exchange_rate.currency)
       AND x.valid_from > set_exchange_rate.valid_from;
    IF EXISTS (SELECT FROM analytics.rollup_state s JOIN analytics.rollup_state c ON c.merged::text = s.merged::text
                WHERE s.name = 'sales_daily' AND s.built_from = '-infinity' AND c.name = 'customer_daily') THEN
        SELECT min(m.bucket), max(m.bucket) + 1 INTO first_day, last_day FROM analytics.rollup_sales_daily m
         WHERE (store IS NULL OR m.store_id = store) AND m.currency = upper(set_exchange_rate.currency)
           AND m.bucket >= set_exchange_rate.valid_from AND (until IS NULL OR m.bucket < until);
    ELSE
        -- customers were built before sales, after a restore: nothing tells which days have this currency
        first_day := greatest(set_exchange_rate.valid_from, '1989-12-31');
        last_day := least(until, '2300-01-02');
        first_day := CASE WHEN first_day < last_day THEN first_day END;
    END IF;
    IF first_day IS NOT NULL THEN
        SELECT s.built_from INTO built_from FROM analytics.rollup_state s WHERE s.name = 'customer_daily';
        IF built_from < last_day THEN
            PERFORM analytics.build_range('customer_daily', greatest(first_day, built_from), last_day, store);
            PERFORM analytics.build_customers(store);
            PERFORM analytics.outdate_snapshots();
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION analytics.set_exchange_rate(text, numeric, date, text) IS
'sets a dated exchange rate: units of the reporting currency for 1 of this currency, from valid_from on; store null: for all stores.
Customers'' days of that currency and time are converted anew in the same transaction: of many rates set the newest first, so that each concerns its own days alone. 22023: unknown currency, or the rate is no positive number';
