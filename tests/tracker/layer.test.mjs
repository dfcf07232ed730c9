// A shop that already fills a dataLayer, by gtag's snippet or for Google Tag Manager, needs no other calls.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Shop, tag, validate } from './shop.mjs';

const gtag = `<script>window.dataLayer = window.dataLayer || []; function gtag() { dataLayer.push(arguments) }</script>`;
const names = (shop) => shop.events.map(({ event }) => event).sort();

test("gtag's calls, before and after the tracker came, each once", async (t) => {
    const shop = await Shop.open(t);
    shop.pages['/'] = `${gtag}<script>
        gtag('js', new Date());
        gtag('config', 'G-1', { user_id: 'c7', currency: 'EUR', transport_url: 'x' });
        gtag('event', 'view_item', { value: 9.5, items: [{ item_id: 'mug', item_name: 'Mug', price: 9.5 }] });
        gtag('get', 'G-1', 'client_id', () => {});
        gtag('event', 'page_view');
    </script>${tag}`;
    const page = await shop.visit('/');
    const [view] = await shop.receives('view_item', 'page_view');
    await page.evaluate(() => {
        gtag('set', { country: 'DE' });
        gtag('set', 'user_properties', { tier: 'gold' });
        gtag('event', 'add_to_cart', { items: [{ item_id: 'mug', price: 9.5, quantity: 2 }], event_callback: () => {}, send_to: 'G-1' });
    });
    const [add] = await shop.receives('add_to_cart');
    assert.deepEqual(names(shop), ['add_to_cart', 'page_view', 'view_item']);
    assert.deepEqual([view.customer_id, view.currency, view.items, view.properties], ['c7', 'EUR', [{ product_id: 'mug', name: 'Mug', price: 9.5 }], { value: 9.5 }]);
    assert.deepEqual([add.customer_id, add.currency, add.country, add.items, add.properties], ['c7', 'EUR', 'DE', [{ product_id: 'mug', price: 9.5, quantity: 2 }], { send_to: 'G-1' }]);
    validate(shop);
});

test("Tag Manager's entries, before and after, each once", async (t) => {
    const shop = await Shop.open(t);
    shop.pages['/'] = `<div id="logo"></div><script>
        window.dataLayer = [{ pageType: 'product' }, { 'gtm.start': 1, event: 'gtm.js' }, { ecommerce: null },
            { event: 'view_item', ecommerce: { currency: 'EUR', value: 9.5, items: [{ item_id: 'mug', price: 9.5 }] } }];
    </script>${tag}`;
    const page = await shop.visit('/');
    const [view] = await shop.receives('view_item', 'page_view');
    const length = await page.evaluate(() => dataLayer.push({ ecommerce: null }, {
        event: 'purchase', 'gtm.element': document.getElementById('logo'), 'gtm.uniqueEventId': 7, eventCallback() {},
        ecommerce: { transaction_id: 'T-1', currency: 'EUR', value: 19, tax: 3.03, shipping: 4.9, items: [{ item_id: 'mug', price: 9.5, quantity: 2 }] },
    }));
    assert.equal(length, 6, 'push still answers with the length');
    const [purchase] = await shop.receives('purchase');
    assert.deepEqual(names(shop), ['page_view', 'purchase', 'view_item']);
    assert.deepEqual([view.currency, view.items], ['EUR', [{ product_id: 'mug', price: 9.5 }]]);
    const { order_id, currency, tax, shipping, items, properties } = purchase;
    assert.deepEqual({ order_id, currency, tax, shipping, items, properties }, {
        order_id: 'T-1', currency: 'EUR', tax: 3.03, shipping: 4.9, items: [{ product_id: 'mug', price: 9.5, quantity: 2 }],
        properties: { 'gtm.uniqueEventId': 7, value: 19 },
    });
    validate(shop);
});

test('a dataLayer that is made after the tracker, and another listener on it', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/');
    await shop.receives('page_view');
    const seen = await page.evaluate(() => {
        window.dataLayer = window.dataLayer || [];
        const seen = [];
        const push = dataLayer.push; // as Tag Manager does
        dataLayer.push = function (...entries) {
            seen.push(...entries.map(({ event }) => event));
            return push.apply(dataLayer, entries);
        };
        dataLayer.push({ event: 'login', method: 'mail' });
        return seen;
    });
    assert.deepEqual(seen, ['login']);
    const [login] = await shop.receives('login');
    assert.deepEqual(login.properties, { method: 'mail' });
    assert.deepEqual(names(shop), ['login', 'page_view']);
    validate(shop);
});

test('entries of any kind leave the page unharmed', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/');
    await page.evaluate(() => dataLayer.push(null, undefined, 5, 'text', [], ['event'], ['event', 7], { event: {} }, () => {}, { event: 'ok', ecommerce: { items: {} } }));
    await shop.receives('ok');
    assert.deepEqual(names(shop), ['ok', 'page_view']);
    validate(shop);
});

test('data-layer="off" leaves it alone', async (t) => {
    const shop = await Shop.open(t);
    shop.pages['/'] = gtag + tag.replace('data-key', 'data-layer="off" data-key');
    const page = await shop.visit('/');
    await page.evaluate(() => {
        gtag('event', 'login');
        analytics('done');
    });
    await shop.receives('done');
    assert.deepEqual(names(shop), ['done', 'page_view']);
});
