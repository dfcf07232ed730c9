// A shop for the tests: a server on the loopback address that serves pages and the tracker as it was built, and keeps what
// is posted to /api/ingest; and a real browser that visits it.
import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { EventEmitter, once } from 'node:events';
import { after } from 'node:test';
import assert from 'node:assert/strict';

const { chromium } = createRequire(process.env.TRACKER_MODULES + '/')('playwright-core');
export const tracker = readFileSync(process.env.TRACKER_SCRIPT);
export const key = 'ik_browser';
export const tag = `<script async src="/analytics.js" data-key="${key}"></script>`;

const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
        '--disable-component-update', '--disable-sync'],
});
after(() => browser.close());

export class Shop extends EventEmitter {
    requests = []; // all that was posted, in order: {body, events, query, headers, at}
    answers = []; // what the next requests get: {status, headers}, or 'cut' for a broken connection; then 200
    pages = {}; // path: HTML

    // options: of the browser's context, and `init`, code that runs in each page before its own
    static async open(test, { init, ...options } = {}) {
        const shop = new Shop();
        shop.server = createServer((request, response) => shop.serve(request, response)).listen(0, '127.0.0.1');
        await once(shop.server, 'listening');
        shop.origin = `http://127.0.0.1:${shop.server.address().port}`;
        shop.context = await browser.newContext(options);
        if (init) await shop.context.addInitScript(init);
        test.after(async () => {
            await shop.context.close();
            shop.server.closeAllConnections();
            await new Promise((done) => shop.server.close(done));
        });
        return shop;
    }

    async serve(request, response) {
        const address = new URL(request.url, this.origin);
        const chunks = [];
        try {
            for await (const chunk of request) chunks.push(chunk);
        } catch {
            return; // the browser left
        }
        const allow = { 'Access-Control-Allow-Origin': '*' };
        if (address.pathname === '/api/ingest') {
            const body = Buffer.concat(chunks).toString();
            const answer = this.answers.shift() ?? { status: 200 };
            const post = { method: request.method, body, query: address.searchParams, headers: request.headers, answer };
            post.events = request.method === 'POST' ? JSON.parse(body) : [];
            this.requests.push(post);
            if (answer === 'cut') request.socket.destroy();
            else
                response
                    .writeHead(answer.status, { 'Content-Type': 'application/json', ...allow, ...answer.headers })
                    .end(JSON.stringify(answer.body ?? { accepted: post.events.length, duplicates: 0, rejected: 0, errors: [] }));
            this.emit('request');
        } else if (address.pathname === '/analytics.js') {
            response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(tracker);
        } else if (address.pathname === '/favicon.ico') {
            response.writeHead(404).end();
        } else {
            this.emit('page', address.pathname);
            const html = this.pages[address.pathname] ?? tag;
            response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' }).end(`<!doctype html><title>${address.pathname}</title>${html}`);
        }
    }

    async visit(path = '/', options) {
        const page = await this.context.newPage();
        page.on('pageerror', (error) => this.requests.push({ events: [], error }));
        await page.goto(this.origin + path, options);
        return page;
    }

    // Every event once, in the order in which they came.
    get events() {
        const seen = new Map();
        for (const { events } of this.requests) for (const event of events) if (!seen.has(event.event_id)) seen.set(event.event_id, event);
        return [...seen.values()];
    }

    named(name) {
        return this.events.filter(({ event }) => event === name);
    }

    // Until the condition holds; what does not come within half a minute does not come.
    async until(condition) {
        const signal = AbortSignal.timeout(30e3);
        while (!condition(this)) {
            await once(this, 'request', { signal }).catch(() => assert.fail(`still waiting; came: ${this.events.map(({ event }) => event)}`));
        }
    }

    // Waits for the events of these names, no matter in which order, and gives them back in the order asked for.
    async receives(...names) {
        const pick = () => {
            const rest = this.events;
            return names.map((name) => rest.splice(rest.findIndex(({ event }) => event === name) >>> 0, 1)[0]);
        };
        await this.until(() => pick().every((event) => event));
        return pick();
    }

    // Whether a page threw an error of the tracker's making.
    get errors() {
        return this.requests.filter(({ error }) => error).map(({ error }) => error);
    }
}

// What validate() says of all that was sent: every field of every event has to be one that the database takes.
export function validate(shop) {
    const bodies = shop.requests.filter(({ method }) => method === 'POST').map(({ body }) => body);
    assert.ok(bodies.length > 0, 'something was sent');
    const sql = bodies.map((_, n) => `SELECT event_type, outcome, code, pointer, message FROM analytics.validate(:'body${n}'::text);`).join('\n');
    const variables = bodies.flatMap((body, n) => ['-v', `body${n}=${body}`]);
    const printed = execFileSync('psql', ['-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', ...variables], { input: sql, encoding: 'utf8' });
    const verdicts = printed.trim().split('\n');
    assert.deepEqual(verdicts.filter((line) => !/^[a-z0-9_]+\|(accepted|duplicate)\|\|\|$/.test(line)), [], 'validate() takes every event');
    assert.equal(verdicts.length, bodies.flatMap((body) => JSON.parse(body)).length);
    assert.deepEqual(shop.errors, []);
}

export const sql = (text, variables = {}) =>
    execFileSync('psql', ['-X', '-A', '-t', '-q', '-v', 'ON_ERROR_STOP=1', ...Object.entries(variables).flatMap(([name, value]) => ['-v', `${name}=${value}`])], {
        input: text,
        encoding: 'utf8',
    }).trim();

// Nothing may have been sent: the page's last words travel the same way, so what was sent before has come.
export async function silence(shop, page) {
    await page.evaluate(() => fetch('/api/ingest?marker', { method: 'POST', body: '[]' }));
    assert.deepEqual(shop.requests.filter(({ query }) => !query.has('marker')), []);
}
