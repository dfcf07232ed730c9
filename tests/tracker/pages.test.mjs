// What a page sends by itself: views, visitors, visits.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Shop, tag, key, validate, silence } from './shop.mjs';

const ID = /^\d+-\d+-\d+-\d+$/;

test('a page is one page_view, in one request without a preflight', async (t) => {
    const shop = await Shop.open(t);
    const before = Date.now();
    await shop.visit('/mugs?token=secret#reviews');
    const [view] = await shop.receives('page_view');
    const { event_id, anonymous_id, session_id, timestamp, ...rest } = view;
    assert.deepEqual(rest, {
        event: 'page_view',
        channel: 'direct',
        device: 'desktop',
        properties: { page_location: `${shop.origin}/mugs`, page_referrer: '', page_title: '/mugs' },
    });
    for (const id of [event_id, anonymous_id, session_id]) assert.match(id, ID);
    assert.ok(Date.parse(timestamp) >= before && Date.parse(timestamp) <= Date.now());
    assert.equal(shop.requests.length, 1);
    const [request] = shop.requests;
    assert.equal(request.method, 'POST');
    assert.match(request.headers['content-type'], /^text\/plain/);
    assert.deepEqual([...request.query], [['key', key]]);
    assert.equal(request.headers.cookie, undefined);
    assert.deepEqual(await shop.context.cookies(), []);
    validate(shop);
});

test('a script of another host sends there, without a preflight, and hears the answer', async (t) => {
    const shop = await Shop.open(t);
    const host = await Shop.open(t);
    shop.pages['/'] = `<script async src="${host.origin}/analytics.js" data-key="${key}"></script>`;
    const page = await shop.visit('/');
    await host.receives('page_view');
    await page.waitForFunction(() => JSON.parse(localStorage['analytics.']).queue.length === 0);
    assert.deepEqual(shop.requests, []);
    assert.deepEqual(host.requests.map(({ method }) => method), ['POST']);
    validate(host);
});

test('data-endpoint and data-store', async (t) => {
    const shop = await Shop.open(t);
    shop.pages['/'] = `<script async src="/deep/analytics.js" data-store="paris" data-endpoint="/api/ingest?format=native"></script>`;
    shop.pages['/deep/analytics.js'] = '';
    await shop.context.route('**/deep/analytics.js', (route) => route.fulfill({ path: process.env.TRACKER_SCRIPT }));
    await shop.visit('/');
    const [view] = await shop.receives('page_view');
    assert.equal(view.store, 'paris');
    assert.deepEqual([...shop.requests[0].query], [['format', 'native']]);
    validate(shop);
});

test('a single-page shop: each navigation once, by the title that it got', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/');
    await shop.receives('page_view');
    const go = async (path, title) => {
        await page.evaluate(([path, title]) => {
            history.pushState({}, '', path);
            document.title = title; // as routers do: after the address
        }, [path, title]);
    };
    await go('/mugs', 'Mugs');
    await shop.until(() => shop.named('page_view').length === 2);
    await go('/mugs', 'Mugs'); // the same again
    await go('/mugs#reviews', 'Mugs'); // an anchor
    await go('/mugs/7?color=red', 'Red mug');
    await shop.until(() => shop.named('page_view').length === 3);
    await go('#/cart?step=1', 'Cart'); // a route behind the hash
    await shop.until(() => shop.named('page_view').length === 4);
    await page.goBack();
    await shop.until(() => shop.named('page_view').length === 5);
    assert.deepEqual(
        shop.named('page_view').map(({ properties: p }) => [p.page_location, p.page_referrer, p.page_title].map((text) => text.replace(shop.origin, ''))),
        [
            ['/', '', '/'],
            ['/mugs', '/', 'Mugs'],
            ['/mugs/7', '/mugs', 'Red mug'],
            ['/mugs/7#/cart', '/mugs/7', 'Cart'],
            ['/mugs/7', '/mugs/7#/cart', 'Cart'],
        ]
    );
    validate(shop);
});

test('the visitor and the visit go on over pages and tabs; each event has an id of its own', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.visit('/');
    await shop.until(() => shop.events.length === 1);
    await page.evaluate(() => location.assign('/mugs'));
    await shop.until(() => shop.events.length === 2);
    await shop.visit('/jugs');
    await shop.until(() => shop.events.length === 3);
    for (const field of ['anonymous_id', 'session_id']) assert.equal(new Set(shop.events.map((event) => event[field])).size, 1, field);
    assert.deepEqual(shop.events.map(({ properties }) => properties.page_referrer), ['', `${shop.origin}/`, '']);
});

test('another browser is another visitor', async (t) => {
    const shops = [await Shop.open(t), await Shop.open(t)];
    for (const shop of shops) await shop.visit('/');
    const [first, second] = await Promise.all(shops.map((shop) => shop.receives('page_view')));
    assert.notEqual(first[0].anonymous_id, second[0].anonymous_id);
});

test('after 30 minutes without an event another visit begins, and the visitor stays', async (t) => {
    const shop = await Shop.open(t);
    const page = await shop.context.newPage();
    await page.clock.install({ time: Date.now() - 7200e3 });
    await page.goto(shop.origin);
    const later = async (minutes, name) => {
        await page.clock.fastForward(minutes * 60e3);
        await page.evaluate((name) => analytics(name), name);
        await page.clock.fastForward(1e3);
        return (await shop.receives(name))[0];
    };
    const first = await later(0, 'first');
    const second = await later(29, 'second');
    const third = await later(29, 'third');
    const fourth = await later(31, 'fourth');
    assert.equal(second.session_id, first.session_id);
    assert.equal(third.session_id, first.session_id, 'each event keeps the visit alive');
    assert.notEqual(fourth.session_id, first.session_id);
    assert.equal(fourth.anonymous_id, first.anonymous_id);
    validate(shop);
});

test('a page that is drawn ahead counts when it is seen', async (t) => {
    const shop = await Shop.open(t, { init: () => Object.defineProperty(Document.prototype, 'prerendering', { get: () => !window.isSeen }) });
    shop.pages['/'] = `<script>window.analytics = function () { (analytics.q = analytics.q || []).push(arguments) }</script>${tag}`;
    const page = await shop.context.newPage();
    await page.clock.install();
    await page.goto(shop.origin);
    await page.evaluate(() => analytics('early'));
    await page.clock.runFor(60e3);
    await silence(shop, page);
    await page.evaluate(() => {
        window.isSeen = true;
        document.dispatchEvent(new Event('prerenderingchange'));
    });
    await page.clock.runFor(1000);
    await shop.receives('page_view', 'early');
});

test('the script twice in a page counts once', async (t) => {
    const shop = await Shop.open(t);
    shop.pages['/'] = tag + tag.replace('async ', '');
    const page = await shop.visit('/', { waitUntil: 'load' });
    await page.evaluate(() => analytics('done'));
    await shop.receives('done');
    assert.equal(shop.named('page_view').length, 1);
    assert.equal(shop.named('done').length, 1);
});

test('without localStorage the page remembers, and the events still come', async (t) => {
    const init = () => Object.defineProperty(window, 'localStorage', { get: () => { throw new DOMException('denied', 'SecurityError'); } });
    const shop = await Shop.open(t, { init });
    const page = await shop.visit('/');
    await shop.receives('page_view');
    await page.evaluate(() => analytics('done'));
    const [view, done] = await shop.receives('page_view', 'done');
    assert.equal(view.anonymous_id, done.anonymous_id);
    assert.equal(view.session_id, done.session_id);
    validate(shop);
});

test('a full localStorage costs no event', async (t) => {
    const shop = await Shop.open(t);
    shop.pages['/full'] = '';
    const page = await shop.visit('/full');
    await page.evaluate(() => {
        let text = 'x'.repeat(4e6);
        while (text) {
            try {
                localStorage['x' + text.length] = text;
            } catch {}
            text = text.slice(text.length >> 1 || 1);
        }
    });
    await page.goto(shop.origin);
    await page.evaluate(() => analytics('done'));
    await shop.receives('page_view', 'done');
    validate(shop);
});
