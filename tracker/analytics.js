// What a shop's visitors do, sent in the native format to POST /api/ingest (docs/tracker.md):
//
//   <script async src="https://HOST/analytics.js" data-key="ik_..."></script>
//
// Plain ES2018. Comments stand on lines of their own: the build takes them out and changes nothing else, so names are
// short (3 kB, compressed, is all a shop should pay for this).
//
// The queue is in localStorage, shared by all tabs. An event leaves it when a server has answered for it; so it may go
// out twice (from two tabs, or by a beacon, whose answer nobody hears): its event_id makes it count once. Two tabs that
// write at once overwrite each other: each remembers what it put in until that is answered.
(() => {
'use strict';
const script = document.currentScript;
const early = window.analytics || {};
if (!script || early.on) return;
const options = script.dataset;
const url = new URL(options.endpoint || 'api/ingest', script.src);
if (options.key) url.searchParams.set('key', options.key);

// --- What the browser keeps: {visit, at, queue} ----------------------------------------------------------------------
// Where localStorage is closed or full, this page's memory.
const place = 'analytics.' + (options.store || '');
let kept = {};
let isOpen = true;
const attempt = (action) => {
    try {
        if (isOpen) action();
    } catch (error) {
        isOpen = false;
    }
};
const load = () => {
    attempt(() => (kept = JSON.parse(localStorage[place] || '{}')));
    kept.queue = kept.queue || [];
    return kept;
};
const save = (changes) => {
    Object.assign(load(), changes);
    attempt(() => (localStorage[place] = JSON.stringify(kept)));
};
let mine = [];
const forget = () => {
    kept = {};
    mine = [];
    attempt(() => delete localStorage[place]);
};

if (navigator.doNotTrack == 1 || window.doNotTrack == 1 || navigator.globalPrivacyControl) {
    forget();
    window.analytics = () => {};
    return;
}

// 128 random bits; randomUUID is there on https and localhost only
const newId = () => crypto.getRandomValues(new Uint32Array(4)).join('-');

// --- Where the visitor came from -------------------------------------------------------------------------------------
const agent = navigator.userAgent;
const device =
    /iPad|Tablet|Android(?!.*Mobi)/.test(agent) || (/Mac/.test(agent) && navigator.maxTouchPoints > 1)
        ? 'tablet'
        : (navigator.userAgentData || {}).mobile || /Mobi/.test(agent)
          ? 'mobile'
          : 'desktop';

// Tried in this order on 'MEDIUM SOURCE.', SOURCE being utm_source, or a dot and the referrer's host.
const channels = {
    paid: /^(cp.|ppc|paid|display|banner|retarget)/,
    email: /mail|newsletter/,
    affiliate: /^affiliate/,
    social: /^social|[ .](facebook|fb|instagram|ig|twitter|tiktok|pinterest|linkedin|reddit|youtube|snapchat|threads|whatsapp|bsky|vk)\.|[ .](t\.co|x\.com)\.$/,
    search: /^organic|[ .](google|bing|duckduckgo|yahoo|ecosia|qwant|baidu|yandex|startpage|brave)\./,
    referral: /. | \.?\w/
};
const query = new URLSearchParams(location.search);
const utm = (name) => query.get('utm_' + name) || '';
const campaign = utm('campaign') || undefined;
const medium = /[?&](gcl|gbra|wbra|msclk)id=/.test(location.search) ? 'cpc' : utm('medium');
const hostOf = (address) => new URL(address).hostname.replace(/^(www\.)?/, '.');
const own = hostOf(location.href);
const referrer = hostOf(document.referrer || location.href);
const isOwn = referrer.endsWith(own) || own.endsWith(referrer);
const from = (medium + ' ' + (utm('source') || (isOwn ? '' : referrer)) + '.').toLowerCase();
const channel = Object.keys(channels).find((name) => channels[name].test(from)) || 'direct';
let isTagged = campaign || medium || utm('source');

// --- From a call to an event -----------------------------------------------------------------------------------------
const ours = {
    transaction_id: 'order_id',
    user_id: 'customer_id',
    item_id: 'product_id',
    item_name: 'name',
    item_category: 'category',
    item_brand: 'brand'
};
// 'NAME VALUE'; what is not like this becomes a property: the event is worth more than the field.
const fields =
    /^((order_id|customer_id|channel|campaign) .|(tax|shipping|discount|amount) [\d.]+$|currency [a-z]{3}$|country [a-z]{2}$|(full|test|tax_included) (true|false)$)/i;
const isPlain = (value) => Object(value) !== value;

// GA4's price is what one costs in the end, its discount what came off one. Ours: the price before, and off the line.
const toItem = (given) => {
    const item = {};
    for (const key in given) if (isPlain(given[key])) item[ours[key] || key] = given[key];
    if (item.discount && (given.item_id || given.item_name)) {
        item.price = +(+item.price + +item.discount).toFixed(6);
        item.discount = +(item.discount * (item.quantity || 1)).toFixed(6);
    }
    return item;
};

let always = {};
const toEvent = (event, given) => {
    given = { ...always, ...given };
    const properties = { ...given.properties };
    const made = { event: event, event_id: newId(), timestamp: new Date(), store: options.store, device: device, properties: properties };
    if (Array.isArray(given.items)) made.items = given.items.map(toItem);
    // a sale without items is its value
    if (/^(purchase|refund)$/.test(event) && !(made.items || '')[0]) given.amount = given.amount || given.value;
    for (const key in given) {
        const name = ours[key] || key;
        if (isPlain(given[key])) (fields.test(name + ' ' + given[key]) ? made : properties)[name] = given[key];
    }
    return made;
};

// --- The queue -------------------------------------------------------------------------------------------------------
// Without consent events wait here, and nothing is stored or sent.
let held = [];
let isAllowed = !('consent' in options) || options.consent == 'granted';
const consent = (granted, isFinal) => {
    isAllowed = granted;
    if (granted) held.splice(0).forEach(enqueue);
    else if (isFinal) {
        held = [];
        forget();
    }
};

// half a character or a null character would cost the whole event
const toBody = (events) => JSON.stringify(events).replace(/\\\\|\\u(0000|d[89a-f]..)/g, (text, code) => (code ? '?' : text));
// the first that go into one request: of what is under way while a page closes a browser takes 64 KiB, all together
const sizeOf = (body) => new Blob([body]).size;
const nextOf = (events) => {
    let count = 20;
    while (count > 1 && sizeOf(toBody(events.slice(0, count))) > 6e4) count >>= 1;
    return events.slice(0, count);
};
const without = (events, others) => events.filter((event) => others.every((other) => other.event_id != event.event_id));
const queue = () => [...load().queue, ...without(mine, kept.queue)];

let timer;
let isSending;
let failures = 0;
const wake = (pause) => (timer = timer || setTimeout(send, pause));

const enqueue = (event) => {
    if (!isAllowed) return held.push(event) > 99 && held.shift();
    // A visit keeps how it began, until 30 minutes without an event. Another tagged link begins another one; the same
    // link loaded again does not, nor does this page's link twice.
    const now = Date.now();
    let { visit, at } = load();
    if (!(now - at < 18e5) || (isTagged && (channel != visit.channel || campaign != visit.campaign)))
        visit = { anonymous_id: at ? visit.anonymous_id : newId(), session_id: newId(), channel: channel, campaign: campaign };
    isTagged = false;
    event = { ...visit, ...event };
    const events = [...kept.queue, event].slice(-200);
    while (toBody(events).length > 5e5) events.shift();
    mine = [...mine, event].slice(-200);
    save({ visit, at: now, queue: events });
    if (events.length < 20 || failures) wake(1e3);
    else send();
};

const post = (body) => fetch(url, { method: 'POST', body: body, credentials: 'omit', keepalive: sizeOf(body) < 6e4 });
const send = () => {
    timer = clearTimeout(timer);
    const events = nextOf(queue());
    if (isSending || !events[0]) return;
    isSending = true;
    // 1 s, 2 s, 4 s ... 5 min, and up to half as much again, so that not all browsers come back at once
    const later = (seconds) => wake(Math.max(Math.min(1e3 * 2 ** failures++, 3e5) * (1 + Math.random() / 2), seconds * 1e3));
    post(toBody(events))
        .finally(() => (isSending = false))
        .then((response) => {
            if (response.status == 429 || response.status > 499) return later(Math.min(response.headers.get('Retry-After'), 3600) || 0);
            // taken, known, or refused for good: done
            failures = 0;
            mine = without(mine, events);
            save({ queue: without(queue(), events) });
            send();
            if (response.status > 200) response.text().then((text) => console.warn('analytics', text));
        }, () => later(0));
};

// Nobody hears the answer to a beacon: its events stay in the queue, for the next page to ask.
const left = [];
const leave = () => {
    const events = nextOf(without(queue(), left));
    if (!events[0]) return;
    left.push(...events);
    const body = toBody(events);
    navigator.sendBeacon(url, body) || post(body).catch(() => {});
    leave();
};

// --- What is listened to ---------------------------------------------------------------------------------------------
// Nothing that goes wrong here reaches the shop's code.
const track = (name, given) => {
    // addToCart, 'Add to cart' and add_to_cart are one name
    name = name.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase().replace(/[^a-z0-9]+/g, '_').replace(/^[^a-z]+|_$/g, '').slice(0, 64);
    if (name) enqueue(toEvent(name, given));
};
const guard = (action) => (...values) => {
    try {
        action(...values);
    } catch (error) {
        console.warn('analytics', error);
    }
};
const command = guard((name, given) => {
    if (name == 'set') Object.assign(always, given);
    else if (name == 'consent') consent(given == 'granted', true);
    else track(name, given);
});
// gtag's ['event', name, parameters] and GTM's {event: name, ecommerce: {...}}. page_view is ours, gtm.* GTM's own
const listen = guard((entry) => {
    const [verb, name, given] = entry[0] ? entry : ['event', entry.event, { ...entry, ...entry.ecommerce, event: undefined, properties: undefined }];
    if (verb == 'event' && name && !/^(page_view$|gtm\.)/.test(name)) track(name, given);
    if (verb == 'consent' && given.analytics_storage) consent(given.analytics_storage == 'granted', name == 'update');
    if (verb == 'set' || verb == 'config') ['user_id', 'currency', 'country'].forEach((key) => (always[key] = (given || name)[key] || always[key]));
});

let viewed;
const view = () => {
    // an anchor is no page of its own, a route behind #/ is
    const address = location.href.replace(/#(?![/!]).*/, '');
    const bare = (address) => address.replace(/\?[^#]*/g, '');
    if (address != viewed) command('page_view', { page_location: bare(address), page_referrer: bare(viewed || document.referrer), page_title: document.title });
    viewed = address;
};

const start = () => {
    (window.analytics = command).on = 1;
    for (const call of early.q || []) command(...call);
    if (options.layer != 'off') {
        const layer = (window.dataLayer = window.dataLayer || []);
        const { push } = layer;
        layer.forEach(listen);
        layer.push = (...entries) => {
            const length = push.apply(layer, entries);
            entries.forEach(listen);
            return length;
        };
    }
    view();
    const { pushState } = history;
    history.pushState = (...values) => {
        pushState.apply(history, values);
        // the router sets the title after the address
        setTimeout(view);
    };
    addEventListener('popstate', () => setTimeout(view));
    addEventListener('pagehide', leave);
    addEventListener('online', send);
    document.addEventListener('visibilitychange', () => (document.hidden ? leave() : wake(1e3)));
    // what earlier pages left behind
    if (isAllowed) wake(1e3);
};
// a page that is drawn ahead has not been seen yet
document.prerendering ? document.addEventListener('prerenderingchange', start) : start();
})();
