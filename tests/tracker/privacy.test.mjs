// Who does not want to be counted is not: nothing is sent and nothing stays in the browser.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Shop, tag, validate, silence } from './shop.mjs';

// Everything a page can do, and ten minutes in which it could send.
async function shopAround(page, shop) {
    await page.clock.install();
    await page.goto(shop.origin);
    await page.evaluate(() => {
        analytics('view_item', { items: [{ item_id: 'mug' }] });
        (window.dataLayer = window.dataLayer || []).push({ event: 'add_to_cart', ecommerce: {} });
        history.pushState({}, '', '/mugs');
    });
    await page.clock.runFor(600e3);
    await page.evaluate(() => {
        Object.defineProperty(document, 'hidden', { value: true, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
        window.dispatchEvent(new Event('pagehide'));
    });
}
const stored = (page) => page.evaluate(() => Object.keys(localStorage).filter((name) => /analytics/.test(name)));

const signals = {
    'Do Not Track': () => Object.defineProperty(Navigator.prototype, 'doNotTrack', { get: () => '1' }),
    'Global Privacy Control': () => Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true, configurable: true }),
};
for (const [name, init] of Object.entries(signals)) {
    test(`${name}: nothing is sent or stored, and what was stored goes`, async (t) => {
        const shop = await Shop.open(t);
        const before = await shop.visit('/');
        await shop.receives('page_view');
        assert.deepEqual(await stored(before), ['analytics.']);
        await before.close();
        shop.requests = [];
        await shop.context.addInitScript(init);
        const page = await shop.context.newPage();
        await shopAround(page, shop);
        assert.deepEqual(await stored(page), []);
        await silence(shop, page);
    });
}

test('the same page without such a signal does send', async (t) => {
    const shop = await Shop.open(t);
    await shopAround(await shop.context.newPage(), shop);
    await shop.receives('page_view', 'view_item', 'add_to_cart', 'page_view');
});

test('data-consent: nothing before it is given, then all of it', async (t) => {
    const shop = await Shop.open(t);
    shop.pages['/'] = tag.replace('data-key', 'data-consent="required" data-key');
    const page = await shop.context.newPage();
    await shopAround(page, shop);
    assert.deepEqual(await stored(page), []);
    await silence(shop, page);
    await page.evaluate(() => analytics('consent', 'granted'));
    await page.clock.runFor(1000);
    const events = await shop.receives('page_view', 'view_item', 'add_to_cart', 'page_view');
    assert.equal(new Set(events.map(({ session_id }) => session_id)).size, 1);
    assert.ok(Date.parse(events[3].timestamp) - Date.parse(events[1].timestamp) < 600e3, 'the times at which they happened');
    validate(shop);
});

test('data-consent="granted" does not wait', async (t) => {
    const shop = await Shop.open(t);
    shop.pages['/'] = tag.replace('data-key', 'data-consent="granted" data-key');
    await shop.visit('/');
    await shop.receives('page_view');
});

test('consent that is denied or taken back: what is stored goes', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/');
    await shop.receives('page_view');
    shop.requests = [];
    await page.evaluate(() => {
        analytics('secret');
        analytics('consent', 'denied');
        analytics('secret');
    });
    assert.deepEqual(await stored(page), []);
    await page.evaluate(() => {
        analytics('consent', 'denied');
        analytics('consent', 'granted');
        analytics('done');
    });
    const [done] = await shop.receives('done');
    assert.deepEqual(shop.events.map(({ event }) => event), ['done']);
    assert.ok(done.anonymous_id);
});

test("gtag's consent mode is followed", async (t) => {
    const shop = await Shop.open(t);
    shop.pages['/'] = `<script>
        window.dataLayer = window.dataLayer || [];
        function gtag() { dataLayer.push(arguments) }
        gtag('consent', 'default', { ad_storage: 'granted', analytics_storage: 'denied' });
        gtag('event', 'view_item', { items: [{ item_id: 'mug' }] });
    </script>${tag}`;
    const page = await shop.context.newPage();
    await shopAround(page, shop);
    assert.deepEqual(await stored(page), []);
    await silence(shop, page);
    await page.evaluate(() => gtag('consent', 'update', { ad_storage: 'denied' }));
    await page.clock.runFor(1000);
    await silence(shop, page);
    await page.evaluate(() => gtag('consent', 'update', { analytics_storage: 'granted' }));
    await page.clock.runFor(1000);
    await shop.receives('view_item', 'page_view', 'add_to_cart');
    await page.evaluate(() => gtag('consent', 'update', { analytics_storage: 'denied' }));
    assert.deepEqual(await stored(page), []);
    validate(shop);
});
