// The tracker from the extension's own HTTP server, on pages of another origin: what a visitor does is in the views a moment later.
// The server is the cluster `http`, whose library is preloaded; TRACKER_SERVER has libpq's variables for it, as JSON.
import { test, before, after } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { Shop } from './shop.mjs';

const database = 'tracker_server';
const patience = 60e3; // for what comes true by itself, whatever else the machine does
let server, tag;

const sql = (text, dbname = database) =>
    execFileSync('psql', ['-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', '-d', dbname], {
        input: 'SET client_min_messages = warning;\n' + text,
        encoding: 'utf8',
        env: { ...process.env, ...JSON.parse(process.env.TRACKER_SERVER) },
    }).trim();

async function until(condition, what) {
    for (const end = Date.now() + patience; ; await pause(50)) {
        if (await condition()) return;
        if (Date.now() > end) assert.fail(`${what} did not come true`);
    }
}

async function freePort() {
    const plain = createServer().listen(0, '127.0.0.1');
    await once(plain, 'listening');
    const { port } = plain.address();
    plain.close();
    await once(plain, 'close');
    return port;
}

// Requests to /api/ingest so far, by status; a preflight would be a 204.
async function answered() {
    const metrics = await (await fetch(server + '/metrics')).text();
    return Object.fromEntries([...metrics.matchAll(/^analytics_http_requests_total\{route="ingest",status="(\d+)"\} (\d+)$/gm)].map(([, status, count]) => [status, +count]));
}
const configure = (settings) =>
    sql(Object.entries(settings).map(([name, value]) => `ALTER SYSTEM SET analytics.${name} = '${value}';\n`).join('') + 'SELECT pg_reload_conf() \\g /dev/null', 'postgres');

before(async () => {
    const port = await freePort();
    server = `http://127.0.0.1:${port}`;
    configure({ http_port: 0 });
    sql(`DROP DATABASE IF EXISTS ${database} WITH (FORCE);
        SELECT format('CREATE ROLE %I %s', name, kind) FROM (VALUES ('analytics_authenticator', 'LOGIN NOINHERIT'), ('web', 'NOLOGIN')) AS role (name, kind)
         WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \\gexec
        GRANT web TO analytics_authenticator;
        CREATE DATABASE ${database};`, 'postgres');
    sql(`CREATE EXTENSION analytics CASCADE; SELECT analytics.grant_access('web', 'reader') \\g /dev/null`);
    const key = sql(`SELECT analytics.create_ingest_key('browser', events => '{page_view,view_item,add_to_cart}')`);
    tag = `<script async src="${server}/analytics.js" data-key="${key}"></script>`;
    configure({ http_database: database, http_anon_role: 'web', http_port: port });
    await until(() => fetch(server + '/api/health').then((answer) => answer.json()).then(({ status, database: served }) => status === 'ok' && served === database, () => false), 'HTTP');
});
after(() => configure({ http_cors_origins: '', http_port: 0 }));

async function open(t, options) {
    const shop = await Shop.open(t, options);
    shop.pages['/'] = tag;
    configure({ http_cors_origins: shop.origin });
    const seen = async () => (await fetch(server + '/', { headers: { Origin: shop.origin } })).headers.get('Access-Control-Allow-Origin');
    await until(async () => (await seen()) === shop.origin, 'the setting');
    return shop;
}
const queued = (page) => page.waitForFunction(() => JSON.parse(localStorage['analytics.'] || '{}').queue?.length === 0);

test('page_view and add_to_cart are in the views, a purchase is refused', async (t) => {
    const shop = await open(t);
    const page = await shop.visit('/');
    await page.evaluate(() => {
        analytics('add_to_cart', { currency: 'EUR', items: [{ item_id: 'mug', item_name: 'Mug', price: 9.5, quantity: 2 }] });
        analytics('purchase', { transaction_id: 'forged', currency: 'EUR', items: [{ item_id: 'mug', price: 9.5 }] });
    });
    await until(() => sql('SELECT count(*) FROM analytics.event') === '2', 'the arrival of two events');
    assert.equal(sql('SELECT channel, device, events, orders, furthest_step FROM analytics.session'), 'direct|desktop|2|0|add_to_cart');
    assert.equal(sql('SELECT product_id, name, add_to_carts, orders FROM analytics.product_daily'), 'mug|Mug|1|0');
    assert.equal(sql(`SELECT code, status, payload ->> 'order_id' FROM analytics.rejected_event`), 'event_not_allowed|discarded|forged');
    await queued(page); // it heard the answer, so it sends nothing again
    const statuses = Object.keys(await answered()); // 200 or 422 as well, where they did not come in one request
    assert.ok(statuses.length > 0 && statuses.every((status) => ['200', '207', '422'].includes(status)), `no preflight: ${statuses}`);
    assert.deepEqual(shop.errors, []);
});

test('a page that is left sends its rest by a beacon; the next one asks, and it counts once', async (t) => {
    const shop = await open(t);
    const page = await shop.visit('/');
    await queued(page);
    await page.evaluate(() => analytics('view_item', { items: [{ item_id: 'jug' }] }));
    await page.close({ runBeforeUnload: true });
    await until(() => sql(`SELECT count(*) FROM analytics.event WHERE event_type = 'view_item'`) === '1', 'the arrival of the beacon');
    await queued(await shop.visit('/'));
    assert.equal(sql(`SELECT count(*) FROM analytics.event WHERE event_type = 'view_item'`), '1');
    assert.equal(sql(`SELECT views FROM analytics.product_daily WHERE product_id = 'jug'`), '1');
});

test('Do Not Track: nothing is sent', async (t) => {
    const shop = await open(t, { init: () => Object.defineProperty(Navigator.prototype, 'doNotTrack', { get: () => '1' }) });
    const before = await answered();
    const loaded = (page) => page.waitForFunction(() => performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/analytics.js')));
    const page = await shop.visit('/');
    await loaded(page);
    await page.evaluate(() => analytics('add_to_cart', { items: [{ item_id: 'mug' }] }));
    await page.evaluate(() => window.dispatchEvent(new Event('pagehide')));
    // the page's last words travel the same way, so what was sent before has come
    await page.evaluate((address) => fetch(address + '/api/ingest?key=ik_marker', { method: 'POST', body: '[]' }), server);
    const now = await answered();
    assert.deepEqual(now, { ...before, 401: (before[401] ?? 0) + 1 });
});

test('the script is the one that was built, compressed', async () => {
    const { tracker } = await import('./shop.mjs');
    const plain = await fetch(server + '/analytics.js', { headers: { 'Accept-Encoding': 'identity' } });
    assert.equal(await plain.text(), tracker.toString());
    const packed = await fetch(server + '/analytics.js', { headers: { 'Accept-Encoding': 'gzip, br' } });
    assert.equal(packed.headers.get('Content-Encoding'), 'gzip');
    assert.equal(await packed.text(), tracker.toString());
});
