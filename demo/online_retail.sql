-- Loads the UCI "Online Retail" file into the store 'online-retail'. For psql, with the CSV on standard input:
--
--     xz -dc online_retail.csv.xz | psql -X -q -v ON_ERROR_STOP=1 -f online_retail.sql
--
-- One invoice becomes one native event; README.md here says how each column is read, and why.

\pset tuples_only on
\pset format unaligned
\set store online-retail
\set body_events 2500

SET client_min_messages = warning;
SET client_encoding = 'UTF8';
SET DateStyle = 'ISO, YMD';
SET work_mem = '128MB';  -- the mapping sorts half a million lines

SELECT analytics.set_setting('currency', 'GBP', :'store'),
       analytics.set_setting('timezone', 'Europe/London', :'store'),
       analytics.set_setting('clock', 'data', :'store')
\g /dev/null

CREATE TEMPORARY TABLE invoice_line (
    line_no bigint GENERATED ALWAYS AS IDENTITY,
    "InvoiceNo" text NOT NULL,
    "StockCode" text NOT NULL,
    "Description" text,
    "Quantity" integer NOT NULL,
    "InvoiceDate" timestamp NOT NULL,
    "UnitPrice" numeric NOT NULL,
    "CustomerID" text,
    "Country" text NOT NULL
);

\copy invoice_line ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country") FROM pstdin WITH (FORMAT csv, HEADER true)

-- 'European Community', 'Unspecified' and 'Channel Islands' (Jersey, JE, or Guernsey, GG: the file does not say) have
-- no code: such an event has no country, and keeps the name in its properties.
CREATE TEMPORARY TABLE country_code (name text PRIMARY KEY, code text);
INSERT INTO country_code VALUES
    ('Australia', 'AU'), ('Austria', 'AT'), ('Bahrain', 'BH'), ('Belgium', 'BE'), ('Brazil', 'BR'), ('Canada', 'CA'),
    ('Channel Islands', NULL), ('Cyprus', 'CY'), ('Czech Republic', 'CZ'), ('Denmark', 'DK'), ('EIRE', 'IE'),
    ('European Community', NULL), ('Finland', 'FI'), ('France', 'FR'), ('Germany', 'DE'), ('Greece', 'GR'),
    ('Hong Kong', 'HK'), ('Iceland', 'IS'), ('Israel', 'IL'), ('Italy', 'IT'), ('Japan', 'JP'), ('Lebanon', 'LB'),
    ('Lithuania', 'LT'), ('Malta', 'MT'), ('Netherlands', 'NL'), ('Norway', 'NO'), ('Poland', 'PL'),
    ('Portugal', 'PT'), ('RSA', 'ZA'), ('Saudi Arabia', 'SA'), ('Singapore', 'SG'), ('Spain', 'ES'), ('Sweden', 'SE'),
    ('Switzerland', 'CH'), ('USA', 'US'), ('United Arab Emirates', 'AE'), ('United Kingdom', 'GB'),
    ('Unspecified', NULL);

DO $$
DECLARE unknown text;
BEGIN
    SELECT string_agg(DISTINCT "Country", ', ') INTO unknown
    FROM invoice_line WHERE "Country" NOT IN (SELECT name FROM country_code);
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION 'countries without an entry in country_code: %', unknown;
    END IF;
END $$;

CREATE TEMPORARY TABLE outgoing (n bigint PRIMARY KEY, event text NOT NULL);

INSERT INTO outgoing
WITH wanted AS (
    SELECT *, "InvoiceNo" LIKE 'C%' AS is_refund, "StockCode" IN ('POST', 'DOT', 'C2') AS is_shipping,
           CASE WHEN "StockCode" LIKE 'gift\_0001\_%' THEN 'gift_card'
                WHEN "StockCode" IN ('M', 'm', 'D', 'S', 'CRUK', 'AMAZONFEE', 'BANK CHARGES') THEN 'fee'
                ELSE 'product' END AS kind
    FROM invoice_line
    WHERE "InvoiceNo" NOT LIKE 'A%' AND ("Quantity" > 0 OR "InvoiceNo" LIKE 'C%')
), invoice AS (
    SELECT "InvoiceNo" AS invoice_no, is_refund,
           min(line_no) AS first_line,
           min("InvoiceDate") AS invoiced_at,
           min("CustomerID") AS customer_id,
           min("Country") AS country_name,
           sum(abs("Quantity") * "UnitPrice") FILTER (WHERE is_shipping) AS shipping,
           -- at price 0 the description is often a note of the stockroom ('found', 'check'): no name for a product
           json_agg(
               json_strip_nulls(json_build_object(
                   'product_id', "StockCode",
                   'name', CASE WHEN "UnitPrice" > 0 THEN nullif(btrim("Description"), '') END,
                   'note', CASE WHEN "UnitPrice" = 0 THEN nullif(btrim("Description"), '') END,
                   'quantity', abs("Quantity"),
                   'price', "UnitPrice",
                   'kind', kind))
               ORDER BY line_no) FILTER (WHERE NOT is_shipping) AS items
    FROM wanted
    GROUP BY "InvoiceNo", is_refund
)
SELECT row_number() OVER (ORDER BY first_line),
       json_strip_nulls(json_build_object(
           'event_id', CASE WHEN is_refund THEN 'refund:' ELSE 'purchase:' END || invoice_no,
           'event', CASE WHEN is_refund THEN 'refund' ELSE 'purchase' END,
           'timestamp', to_char(invoiced_at, 'YYYY-MM-DD"T"HH24:MI:SS'),  -- wall time of the shop
           'order_id', CASE WHEN NOT is_refund THEN invoice_no END,       -- a refund does not name its order
           'customer_id', customer_id,
           'channel', 'web',
           'country', code,
           'shipping', shipping,
           'amount', CASE WHEN items IS NULL THEN 0 END,                  -- nothing but shipping
           'items', items,
           'properties', CASE WHEN code IS NULL THEN json_build_object('country_name', country_name) END))::text
FROM invoice JOIN country_code ON name = country_name;

\ir ingest_bodies.sql
