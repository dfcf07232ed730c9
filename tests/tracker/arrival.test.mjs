// Where a visit came from (channel, campaign) and on what (device).
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Shop, validate } from './shop.mjs';

const channels = [
    // query, referrer, channel, campaign
    ['', '', 'direct'],
    ['', 'https://www.google.com/', 'search'],
    ['', 'https://www.google.co.uk/', 'search'],
    ['', 'https://duckduckgo.com/', 'search'],
    ['', 'https://www.facebook.com/', 'social'],
    ['', 'https://l.instagram.com/', 'social'],
    ['', 'https://t.co/abc', 'social'],
    ['', 'https://x.com/', 'social'],
    ['', 'https://www.netflix.com/', 'referral'],
    ['', 'https://notgoogle.example/', 'referral'],
    ['', 'https://mail.google.com/', 'email'],
    ['', 'https://blog.example/post', 'referral'],
    ['utm_source=google&utm_medium=cpc&utm_campaign=Spring%20sale', '', 'paid', 'Spring sale'],
    ['utm_source=facebook&utm_medium=paid_social', 'https://www.facebook.com/', 'paid'],
    ['gclid=abc', 'https://www.google.com/', 'paid'],
    ['msclkid=abc', '', 'paid'],
    ['utm_source=newsletter&utm_campaign=may', '', 'email', 'may'],
    ['utm_source=shop&utm_medium=E-Mail', '', 'email'],
    ['utm_source=partner&utm_medium=affiliate', '', 'affiliate'],
    ['utm_source=instagram&utm_medium=social', '', 'social'],
    ['utm_source=ig', '', 'social'],
    ['utm_source=google&utm_medium=organic', '', 'search'],
    ['utm_source=bing', '', 'search'],
    ['utm_source=flyer&utm_medium=print', '', 'referral'],
    ['utm_medium=print', '', 'referral'],
    ['utm_campaign=only', '', 'direct', 'only'],
    ['q=gclid', '', 'direct'],
];

test('channel and campaign', async (t) => {
    const found = await Promise.all(channels.map(async ([query, referer]) => {
        const shop = await Shop.open(t);
        await shop.visit('/?' + query, referer && { referer });
        const [view] = await shop.receives('page_view');
        if (referer) assert.equal(view.properties.page_referrer.split('/')[2], new URL(referer).host);
        validate(shop);
        return [query, referer, view.channel, ...(view.campaign === undefined ? [] : [view.campaign])];
    }));
    assert.deepEqual(found, channels);
});

test('a visit keeps how it began; another tagged link begins another visit', async (t) => {
    const shop = await Shop.open(t);
    const seen = [];
    const page = await shop.context.newPage();
    for (const [path, referer] of [
        ['/?utm_source=google&utm_medium=cpc&utm_campaign=a'],
        ['/mugs', shop.origin + '/'],
        ['/mugs', 'https://pay.example/'], // back from paying
        ['/?utm_source=google&utm_medium=cpc&utm_campaign=a'], // the same link again
        ['/?utm_source=news&utm_medium=email&utm_campaign=b'],
        ['/jugs', shop.origin + '/'],
    ]) {
        await page.goto(shop.origin + path, { referer });
        await shop.until(() => shop.events.length === seen.length + 1);
        seen.push(shop.events.at(-1));
    }
    assert.deepEqual(seen.map(({ channel, campaign }) => [channel, campaign]), [...Array(4).fill(['paid', 'a']), ...Array(2).fill(['email', 'b'])]);
    const visits = seen.map(({ session_id }) => session_id);
    assert.deepEqual(visits.map((id) => visits.indexOf(id)), [0, 0, 0, 0, 4, 4]);
    assert.equal(new Set(seen.map(({ anonymous_id }) => anonymous_id)).size, 1);
    validate(shop);
});

test('of two tabs with tagged links the later begins the visit that both go on with', async (t) => {
    const shop = await Shop.open(t);
    const first = await shop.visit('/?utm_campaign=a');
    await shop.until(() => shop.events.length === 1);
    await shop.visit('/?utm_campaign=b');
    await shop.until(() => shop.events.length === 2);
    await first.evaluate(() => analytics('done'));
    const [done] = await shop.receives('done');
    assert.equal(done.campaign, 'b');
    assert.equal(done.session_id, shop.events[1].session_id);
});

const chrome = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0';
const devices = {
    desktop: [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome} Safari/537.36`, 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Safari/605.1.15'],
    mobile: [`Mozilla/5.0 (Linux; Android 10; K) ${chrome} Mobile Safari/537.36`, 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.1 Mobile/15E148 Safari/604.1'],
    tablet: [`Mozilla/5.0 (Linux; Android 10; K) ${chrome} Safari/537.36`, 'Mozilla/5.0 (iPad; CPU OS 12_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Mobile/15E148 Safari/604.1'],
};
for (const [device, agents] of Object.entries(devices)) {
    test(`device: ${device}`, async (t) => {
        for (const userAgent of agents) {
            const shop = await Shop.open(t, { userAgent });
            await shop.visit('/');
            assert.equal((await shop.receives('page_view'))[0].device, device, userAgent);
        }
    });
}

test('device: an iPad that calls itself a Mac; a phone that says so in its data only', async (t) => {
    const ipad = await Shop.open(t, { userAgent: devices.desktop[1], init: () => Object.defineProperty(Navigator.prototype, 'maxTouchPoints', { get: () => 5 }) });
    const phone = await Shop.open(t, { init: () => Object.defineProperty(Navigator.prototype, 'userAgentData', { get: () => ({ mobile: true }) }) });
    for (const [shop, device] of [[ipad, 'tablet'], [phone, 'mobile']]) {
        await shop.visit('/');
        assert.equal((await shop.receives('page_view'))[0].device, device);
    }
});
