// analytics(name, {...}): GA4's words become ours, and the database counts what the shop meant.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Shop, tag, validate, sql } from './shop.mjs';

const bare = ({ event_id, timestamp, anonymous_id, session_id, ...rest }) => rest;
const common = { channel: 'direct', device: 'desktop' };

test('items and totals in the words of GA4', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/');
    await page.evaluate(() => {
        analytics('view_item', { currency: 'EUR', value: 9.5, items: [{ item_id: 'mug', item_name: 'Mug', item_category: 'Kitchen', item_brand: 'Acme', price: 9.5, item_variant: 'red', index: 3 }] });
        analytics('add_to_cart', { currency: 'EUR', items: [{ item_id: 'mug', price: 0.1, discount: 0.2, quantity: 3 }, { item_id: 'jug', price: '18.00', discount: '2.5' }] });
        analytics('purchase', { transaction_id: 'T-1', value: 28.5, tax: 4.55, shipping: '4.90', coupon: 'SPRING', currency: 'eur', items: [{ item_id: 'mug', price: 9.5, quantity: 3 }] });
    });
    const events = await shop.receives('view_item', 'add_to_cart', 'purchase');
    assert.deepEqual(events.map(bare), [
        { event: 'view_item', ...common, currency: 'EUR', properties: { value: 9.5 },
          items: [{ product_id: 'mug', name: 'Mug', category: 'Kitchen', brand: 'Acme', price: 9.5, item_variant: 'red', index: 3 }] },
        // GA4: 0.10 is what is left of 0.30 after 0.20 off, three times
        { event: 'add_to_cart', ...common, currency: 'EUR', properties: {},
          items: [{ product_id: 'mug', price: 0.3, discount: 0.6, quantity: 3 }, { product_id: 'jug', price: 20.5, discount: 2.5 }] },
        { event: 'purchase', ...common, order_id: 'T-1', tax: 4.55, shipping: '4.90', currency: 'eur', properties: { value: 28.5, coupon: 'SPRING' },
          items: [{ product_id: 'mug', price: 9.5, quantity: 3 }] },
    ]);
    validate(shop);
});

test('our own words pass as they are', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/');
    const sent = { customer_id: 'c7', order_id: 'O-1', currency: 'GBP', country: 'GB', discount: 1.5, tax_included: true, test: true, channel: 'app', campaign: 'spring' };
    await page.evaluate((sent) => analytics('purchase', { ...sent, items: [{ product_id: 'mug', price: '10.00', discount: 1, quantity: 2, kind: 'product' }], properties: { gift: { wrap: true } } }), sent);
    const [event] = await shop.receives('purchase');
    assert.deepEqual(bare(event), {
        event: 'purchase', device: 'desktop', ...sent, properties: { gift: { wrap: true } },
        items: [{ product_id: 'mug', price: '10.00', discount: 1, quantity: 2, kind: 'product' }],
    });
    validate(shop);
});

test('a purchase without items is its value; a full refund needs none', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/');
    await page.evaluate(() => {
        analytics('purchase', { transaction_id: 'T-2', value: 25, currency: 'EUR' });
        analytics('purchase', { transaction_id: 'T-3', value: 30, items: [] });
        analytics('refund', { transaction_id: 'T-2', full: true });
    });
    await shop.until(() => shop.named('purchase').length === 2 && shop.named('refund').length === 1);
    assert.deepEqual(shop.named('purchase').map(({ amount }) => amount), [25, 30]);
    assert.equal(shop.named('refund')[0].full, true);
    const outcomes = sql(`SELECT string_agg(outcome || coalesce(' ' || code, ''), ', ' ORDER BY index) FROM analytics.validate(:'body'::text)`, {
        body: JSON.stringify([...shop.named('purchase'), ...shop.named('refund')]),
    });
    assert.equal(outcomes, 'accepted, accepted, accepted');
});

test('what does not fit its field becomes a property and does not cost the event', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/');
    await page.evaluate(() => {
        const circle = {};
        circle.circle = circle;
        analytics('odd', { currency: 'euro', country: 'Germany', tax: '4,90', shipping: -1, test: 'B', amount: NaN, customer_id: null, order_id: { no: 1 }, circle, call: () => {}, list: [1], text: 'cut \ud83d here, \u0000 and \\u0000' });
    });
    const [event] = await shop.receives('odd');
    const { amount, customer_id, ...rest } = bare(event);
    assert.deepEqual([amount ?? null, customer_id ?? null], [null, null]);
    const { properties, ...fields } = rest;
    assert.deepEqual(fields, { event: 'odd', ...common });
    assert.deepEqual({ ...properties, amount: undefined }, {
        currency: 'euro', country: 'Germany', tax: '4,90', shipping: -1, test: 'B', text: 'cut ? here, ? and \\u0000', amount: undefined,
    });
    validate(shop);
});

test('names: any spelling of one name; what cannot be one is left out', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/');
    await page.evaluate(() => ['addToCart', 'Add to cart', 'add-to-cart!', '2nd look', '___', '', 'Größe', 'x'.repeat(99)].forEach((name) => analytics(name)));
    await shop.receives('x'.repeat(64));
    assert.deepEqual(shop.events.map(({ event }) => event).filter((name) => name !== 'page_view'), ['add_to_cart', 'add_to_cart', 'add_to_cart', 'nd_look', 'gr_e', 'x'.repeat(64)]);
    validate(shop);
});

test('what was called before the script came is not lost', async (t) => {
    const shop = await Shop.open(t);
    shop.pages['/'] = `<script>
        window.analytics = window.analytics || function () { (analytics.q = analytics.q || []).push(arguments) };
        analytics('set', { customer_id: 'c7' });
        analytics('view_item', { items: [{ item_id: 'mug' }] });
        analytics('search', { search_term: 'mug' });
    </script>${tag}`;
    await shop.visit('/');
    const events = await shop.receives('view_item', 'search', 'page_view');
    assert.deepEqual(events.map(({ customer_id }) => customer_id), ['c7', 'c7', 'c7']);
    assert.deepEqual(events[0].items, [{ product_id: 'mug' }]);
    assert.deepEqual(events[1].properties, { search_term: 'mug' });
    assert.equal(shop.events.length, 3);
    validate(shop);
});

test('set holds for what follows, until it is set anew', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/');
    await page.evaluate(() => {
        analytics('set', { customer_id: 'c7', theme: 'dark' });
        analytics('login');
        analytics('set', { customer_id: null });
        analytics('logout', { theme: 'light' });
    });
    const [login, logout] = await shop.receives('login', 'logout');
    assert.deepEqual([login.customer_id, login.properties.theme], ['c7', 'dark']);
    assert.deepEqual([logout.customer_id ?? null, logout.properties.theme], [null, 'light']);
    validate(shop);
});

test('what a caller does wrong never reaches the shop\'s code', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/');
    await page.evaluate(() => {
        analytics();
        analytics(null, 1);
        analytics('broken', { items: [undefined, 5, 'x', { item_id: 'mug' }], properties: { toJSON() { throw Error('no') } } });
        analytics('items', { items: 'none' });
        analytics('done', 'text');
    });
    await shop.receives('items', 'done');
    validate(shop);
});

test('in the database: a visit from view to purchase', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/?utm_source=news&utm_medium=email&utm_campaign=May');
    await page.evaluate(() => {
        const item = { item_id: 'mug', item_name: 'Mug', item_category: 'Kitchen', price: 9, discount: 1 };
        analytics('view_item', { currency: 'EUR', items: [item] });
        analytics('add_to_cart', { currency: 'EUR', items: [{ ...item, quantity: 2 }] });
        analytics('begin_checkout', { currency: 'EUR', value: 18 });
        analytics('purchase', { currency: 'EUR', transaction_id: 'T-9', value: 18, tax: 3, shipping: 4.9, items: [{ ...item, quantity: 2 }] });
    });
    await shop.receives('page_view', 'purchase');
    validate(shop);
    const result = sql(
        `BEGIN;
         SELECT accepted, duplicates, rejected FROM analytics.ingest(:'body'::text);
         SELECT accepted, duplicates, rejected FROM analytics.ingest(:'body'::text);
         SELECT event_type, product_id, quantity, unit_price, amount, discount, tax, shipping, currency, channel, campaign, device, order_id
           FROM analytics.event WHERE session_id = :'session' ORDER BY occurred_at, event_type;
         SELECT channel, device, events, orders, furthest_step FROM analytics.session WHERE session_id = :'session';
         SELECT gross_sales, discounts, net_sales FROM analytics.sales_daily WHERE channel = 'email' AND currency = 'EUR';
         ROLLBACK;`,
        { body: JSON.stringify(shop.events), session: shop.events[0].session_id }
    );
    const lines = result.split('\n');
    assert.deepEqual(lines.slice(0, 2), ['5|0|0', '0|5|0'], 'sent twice, counted once');
    assert.deepEqual(lines.slice(2, 7).sort(), [
        'add_to_cart|mug|2|10|20|2|||EUR|email|May|desktop|',
        'begin_checkout||||||||EUR|email|May|desktop|',
        'page_view||||||||USD|email|May|desktop|',
        'purchase|mug|2|10|20|2|3.00|4.9|EUR|email|May|desktop|T-9',
        'view_item|mug|1|10|10|1|||EUR|email|May|desktop|',
    ]);
    assert.deepEqual(lines.slice(7), ['email|desktop|5|1|purchase', '20|2|18']);
});
