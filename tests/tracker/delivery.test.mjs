// How events reach the server: batches, retries, a closed page, a lost network.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Shop, tag, key, validate } from './shop.mjs';

const ids = (request) => request.events.map(({ event_id }) => event_id);
const queued = (page) => page.evaluate(() => (JSON.parse(localStorage['analytics.'] || '{}').queue || []).length);
const isBeacon = ({ headers }) => headers['sec-fetch-mode'] === 'no-cors';
const call = (page, count, size = 0) => page.evaluate(([count, size]) => {
    for (let n = 0; n < count; n++) analytics('e' + n, { text: 'ä'.repeat(size) });
}, [count, size]);

test('events of a moment share a request; twenty do not wait for it to pass', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.context.newPage();
    await page.clock.install(); // time stands still
    await page.clock.pauseAt(Date.now() + 1e6);
    await page.goto(shop.origin);
    await call(page, 19);
    await shop.until(() => shop.events.length === 20);
    assert.deepEqual(shop.requests.map(({ events }) => events.length), [20]);
    await call(page, 3);
    await page.clock.runFor(1000);
    await shop.until(() => shop.events.length === 23);
    assert.deepEqual(shop.requests.map(({ events }) => events.length), [20, 3]);
    validate(shop);
});

for (const status of [500, 502, 503, 429]) {
    test(`${status}, then 200: the same events once more, and then no more`, async (t) => {
        const shop = await Shop.open(t);
        shop.answers.push({ status });
        const page = await shop.visit('/');
        await shop.until(() => shop.requests.length === 2);
        await page.waitForFunction(() => JSON.parse(localStorage['analytics.']).queue.length === 0);
        await page.evaluate(() => analytics('done'));
        await shop.receives('done');
        assert.deepEqual(ids(shop.requests[1]), ids(shop.requests[0]));
        assert.deepEqual(shop.requests.slice(2).map(({ events }) => events.map(({ event }) => event)), [['done']]);
        validate(shop);
    });
}

test('a broken connection is tried again', async (t) => {
    const shop = await Shop.open(t);
    shop.answers.push('cut', 'cut'); // the first of them on a connection that was kept: there the browser itself tries again
    const page = await shop.visit('/');
    await shop.until(() => shop.requests.some(({ answer }) => answer.status === 200));
    await page.waitForFunction(() => JSON.parse(localStorage['analytics.']).queue.length === 0);
    assert.equal(shop.events.length, 1);
});

test('pauses double up to five minutes, Retry-After is obeyed, and a success starts anew', async (t) => {
    const shop = await Shop.open(t, { init: () => (Math.random = () => 0) });
    const page = await shop.context.newPage();
    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 1e6);
    // the exact pauses, as the page's clock counts them
    await page.addInitScript(() => {
        window.pauses = [];
        const { setTimeout } = window;
        window.setTimeout = (action, pause) => pause && window.pauses.push(pause) && setTimeout(action, pause);
    });
    const asks = (when) => ({ status: 429, headers: { 'Retry-After': when } });
    shop.answers.push(...Array(9).fill({ status: 503 }), asks('400'), asks('99999999999'), asks('Wed, 21 Oct 2026 07:28:00 GMT'), { status: 200 }, { status: 503 });
    await page.goto(shop.origin);
    const wait = async (count) => {
        await page.waitForFunction((count) => window.pauses.length === count, count);
        await page.clock.runFor(await page.evaluate(() => window.pauses.at(-1)));
    };
    for (let n = 1; n <= 13; n++) await wait(n);
    await page.waitForFunction(() => JSON.parse(localStorage['analytics.']).queue.length === 0);
    await page.evaluate(() => analytics('again'));
    await wait(14);
    await wait(15);
    await shop.until(() => shop.requests.length === 15);
    assert.deepEqual(await page.evaluate(() => window.pauses), [1e3, 1e3, 2e3, 4e3, 8e3, 16e3, 32e3, 64e3, 128e3, 256e3, 4e5, 36e5, 3e5, 1e3, 1e3]);
});

for (const status of [400, 401, 403, 404, 413, 415, 422]) {
    test(`${status} is final`, async (t) => {
        const shop = await Shop.open(t);
        shop.answers.push({ status, body: { code: 'event_not_allowed', message: 'no' } });
        const page = await shop.visit('/');
        const warned = page.waitForEvent('console', (message) => message.text().includes('event_not_allowed'));
        await shop.receives('page_view');
        await warned;
        await page.waitForFunction(() => JSON.parse(localStorage['analytics.']).queue.length === 0);
        await page.evaluate(() => analytics('done'));
        await shop.receives('done');
        assert.equal(shop.requests.flatMap(ids).length, 2, 'each sent once');
    });
}

test('207: what was refused is not sent again, and the console says why', async (t) => {
    const shop = await Shop.open(t);
    shop.answers.push({ status: 207, body: { accepted: 1, duplicates: 0, rejected: 1, errors: [{ index: 1, code: 'event_not_allowed', pointer: '/event', message: 'purchase' }] } });
    const page = await shop.visit('/');
    const warned = page.waitForEvent('console', (message) => message.text().includes('event_not_allowed'));
    await page.evaluate(() => analytics('purchase', { transaction_id: 'T', value: 1 }));
    await warned;
    await page.evaluate(() => analytics('done'));
    await shop.receives('done');
    assert.deepEqual(shop.requests.map(({ events }) => events.length), [2, 1]);
});

test('offline events come when the network does, without a pause', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.context.newPage();
    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 1e6);
    await page.goto(shop.origin);
    await page.clock.runFor(1000);
    await shop.receives('page_view');
    await shop.context.setOffline(true);
    const failed = page.waitForEvent('requestfailed', (request) => request.url().includes('/api/ingest'));
    await call(page, 2);
    await page.clock.runFor(1000);
    await failed;
    assert.equal(shop.events.length, 1);
    await shop.context.setOffline(false);
    await shop.receives('e0', 'e1');
    validate(shop);
});

test('a page that is left sends the rest by beacon', async (t) => {
    const shop = await Shop.open(t);
    shop.pages['/'] = `${tag}<a href="/empty">leave</a>`;
    shop.pages['/empty'] = 'no tracker here';
    const page = await shop.context.newPage();
    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 1e6); // so that only the leaving sends
    await page.goto(shop.origin);
    await call(page, 3);
    assert.equal(shop.requests.length, 0);
    await page.click('a');
    await shop.receives('page_view', 'e0', 'e1', 'e2');
    assert.equal(shop.requests.length, 1);
    assert.ok(isBeacon(shop.requests[0]));
    assert.deepEqual([...shop.requests[0].query], [['key', key]]);
    assert.match(shop.requests[0].headers['content-type'], /^text\/plain/);
    validate(shop);
});

test('a closed tab sends the rest by beacon; the next page asks, and it counts once', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.context.newPage();
    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 1e6);
    await page.goto(shop.origin);
    await call(page, 2);
    await page.close({ runBeforeUnload: true });
    await shop.receives('page_view', 'e0', 'e1');
    assert.ok(isBeacon(shop.requests[0]));
    const next = await shop.visit('/next');
    await next.clock.runFor(1000); // one clock for all tabs
    await shop.until(() => shop.named('page_view').length === 2);
    await next.waitForFunction(() => JSON.parse(localStorage['analytics.']).queue.length === 0);
    assert.equal(shop.events.length, 4, 'the same ids, so that they count once');
    validate(shop);
});

test('a tab that is closed while the server fails loses nothing', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/');
    await shop.receives('page_view');
    shop.answers.push({ status: 500 }, { status: 500 });
    await call(page, 2);
    await shop.until(() => shop.requests.length === 2); // 500
    await page.close({ runBeforeUnload: true });
    await shop.until(() => shop.requests.length === 3); // the beacon: 500 as well
    shop.requests = [];
    await shop.visit('/next');
    await shop.receives('e0', 'e1', 'page_view');
    validate(shop);
});

test('hiding a page sends what is there, once; showing it again asks', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.context.newPage();
    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 1e6);
    await page.goto(shop.origin);
    const show = (hidden) => page.evaluate((hidden) => {
        Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
    await show(true);
    await shop.receives('page_view');
    await show(true);
    await call(page, 1);
    await show(true);
    await shop.receives('e0');
    assert.deepEqual(shop.requests.map((request) => [isBeacon(request), request.events.length]), [[true, 1], [true, 1]]);
    await call(page, 2);
    await page.evaluate(() => dispatchEvent(new Event('pagehide'))); // where a browser tells of nothing else
    await shop.receives('e1');
    await show(false);
    await page.clock.runFor(1000);
    await page.waitForFunction(() => JSON.parse(localStorage['analytics.']).queue.length === 0);
    assert.deepEqual(shop.requests.map(isBeacon), [true, true, true, false]);
    assert.equal(shop.events.length, 4);
});

test('no request is larger than what a browser takes while it leaves, and nothing is left out', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/');
    await call(page, 12, 6000); // 12 kB each in UTF-8
    await shop.receives('page_view', ...Array.from({ length: 12 }, (_, n) => 'e' + n));
    for (const { body } of shop.requests) assert.ok(Buffer.byteLength(body) <= 60_000, String(Buffer.byteLength(body)));
    assert.ok(shop.requests.length >= 3);
    validate(shop);
});

test('an event above that size goes alone', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/');
    await call(page, 2, 50_000);
    await page.evaluate(() => analytics('done'));
    await shop.receives('page_view', 'e0', 'e1', 'done');
    for (const { events } of shop.requests) if (events.some(({ event }) => /^e/.test(event))) assert.equal(events.length, 1);
    validate(shop);
});

test('a page that is left with more than a beacon takes: the next page sends what is missing', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.context.newPage();
    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 1e6);
    await page.goto(shop.origin);
    await call(page, 15, 6000);
    await page.goto(shop.origin + '/next');
    await page.clock.resume();
    await shop.receives(...Array.from({ length: 15 }, (_, n) => 'e' + n));
    assert.equal(new Set(shop.events.map(({ event_id }) => event_id)).size, shop.events.length);
    validate(shop);
});

test('a server that is away for long: the last 200 events are kept', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/');
    await shop.receives('page_view');
    await shop.context.setOffline(true);
    const failed = page.waitForEvent('requestfailed');
    await call(page, 250);
    await failed;
    assert.equal(await queued(page), 200);
    await shop.context.setOffline(false);
    await shop.receives(...Array.from({ length: 200 }, (_, n) => 'e' + (n + 50)));
    assert.equal(shop.events.length, 201);
    validate(shop);
});

test('what two tabs send at once counts once', async (t) => {
    const shop = await Shop.open(t);
    const tabs = [await shop.visit('/'), await shop.visit('/')];
    await Promise.all(tabs.map((tab, n) => tab.evaluate((n) => {
        for (let k = 0; k < 30; k++) analytics(`tab${n}_${k}`);
    }, n)));
    await shop.receives(...[0, 1].flatMap((n) => Array.from({ length: 30 }, (_, k) => `tab${n}_${k}`)));
    await tabs[0].waitForFunction(() => JSON.parse(localStorage['analytics.']).queue.length === 0);
    assert.equal(shop.events.length, 62);
    validate(shop);
});

test('what another tab overwrites is sent all the same', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/');
    await shop.receives('page_view');
    await page.waitForFunction(() => JSON.parse(localStorage['analytics.']).queue.length === 0);
    await page.evaluate(() => {
        const before = localStorage['analytics.'];
        analytics('overwritten');
        localStorage['analytics.'] = before;
        analytics('after');
        localStorage['analytics.'] = before;
    });
    await shop.receives('overwritten', 'after');
    await page.waitForFunction(() => JSON.parse(localStorage['analytics.']).queue.length === 0);
    assert.equal(shop.events.length, 3);
    validate(shop);
});
