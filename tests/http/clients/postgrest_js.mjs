// @supabase/postgrest-js as the registry has it, against the schema of api.sql: what it makes of the server's answers.
// test_api_clients.py runs this once: each check prints a line of JSON, {name, error}. It looks for checks' names in this text.
// Rows that a check makes have ids from 50 on, or skus from api.sql's after 'pen': who runs this removes them.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const { PostgrestClient, PostgrestError } = createRequire(process.env.CLIENTS_MODULES + '/')('@supabase/postgrest-js');
const { API_URL: url, API_TOKEN: token } = process.env;
const client = new PostgrestClient(url, { schema: 'api' });
const withToken = new PostgrestClient(url, { schema: 'api', headers: { Authorization: `Bearer ${token}` } });

const customers = (columns = 'id') => client.from('customers').select(columns);
const orders = (columns = 'id') => client.from('orders').select(columns);
const products = (columns = 'sku') => client.from('products').select(columns);

// The data of an answer that has no error.
async function data(query) {
    const got = await query;
    assert.equal(got.error, null, JSON.stringify(got.error));
    return got.data;
}
async function failure(query, status, code) {
    const got = await query;
    assert.equal(got.data, null, JSON.stringify(got.data));
    assert.deepEqual([got.status, got.error.code], [status, code], JSON.stringify(got));
    return got;
}
const ids = async (query) => (await data(query.order('id'))).map((row) => row.id);
const skus = async (query) => (await data(query.order('sku'))).map((row) => row.sku);

const checks = [];
const check = (name, body) => checks.push([name, body]);

// ---- what is selected

check('columns, whatever blanks are between them', async () => {
    assert.deepEqual(await data(customers(`id,
        name, country`).eq('id', 1)), [{ id: 1, name: 'Ada', country: 'GB' }]);
    assert.deepEqual(await data(client.from('customers').select().eq('id', 2)),
        [{ id: 2, name: 'Blaise', country: 'FR', about: { vip: false }, tags: [] }]);
});

check('other names, casts and parts of JSON', async () => {
    assert.deepEqual(await data(customers('who:name, born:about->born->>year, vip:about->vip').eq('id', 1)),
        [{ who: 'Ada', born: '1815', vip: true }]);
    assert.deepEqual(await data(customers('about->born').eq('id', 1)), [{ born: { year: 1815 } }]);
    assert.deepEqual(await data(products('price::text, amount:price').eq('sku', 'mug')), [{ price: '12.50', amount: 12.5 }]);
});

check('a row of what it belongs to, and the rows that belong to it', async () => {
    const got = await data(orders('id, customers(name), lines(sku, quantity, products(title))').eq('id', 1)
        .order('sku', { referencedTable: 'lines' }).single());
    assert.deepEqual(got, { id: 1, customers: { name: 'Ada' }, lines: [
        { sku: 'mug', quantity: 2, products: { title: 'A mug' } }, { sku: 'pen', quantity: 1, products: { title: 'A pen, blue' } }] });
});

check('through a table between, and under another name', async () => {
    const got = await data(orders('id, goods:products(title)').order('price', { referencedTable: 'goods' }).order('id'));
    assert.deepEqual(got, [{ id: 1, goods: [{ title: 'A pen, blue' }, { title: 'A mug' }] },
        { id: 2, goods: [{ title: 'A cap' }] }, { id: 3, goods: [{ title: 'A mug' }] }]);
});

check('only those that have what is embedded', async () => {
    assert.deepEqual(await data(orders('id, lines!inner(sku)').eq('lines.sku', 'mug').order('id')),
        [{ id: 1, lines: [{ sku: 'mug' }] }, { id: 3, lines: [{ sku: 'mug' }] }]);
    assert.deepEqual(await ids(customers('id, orders()').not('orders', 'is', null)), [1, 2]);
});

check('spread, computed and aggregated', async () => {
    assert.deepEqual(await data(orders('id, line_count, ...customers(customer:name)').order('id').limit(2)),
        [{ id: 1, line_count: 2, customer: 'Ada' }, { id: 2, line_count: 1, customer: 'Ada' }]);
    assert.deepEqual(await data(client.from('lines').select('sku, quantity.sum(), n:count()').order('sku')),
        [{ sku: 'cap', sum: 1, n: 1 }, { sku: 'mug', sum: 6, n: 2 }, { sku: 'pen', sum: 1, n: 1 }]);
});

// ---- filters

check('eq and neq', async () => {
    assert.deepEqual(await ids(customers().eq('name', 'Ada')), [1]);
    assert.deepEqual(await ids(customers().neq('name', 'Ada')), [2, 3]);
    assert.deepEqual(await ids(customers().eq('about->>vip', 'false')), [2]);
    assert.deepEqual(await skus(products().eq('title', 'A pen, blue')), ['pen']);
    assert.deepEqual(await ids(customers().eq('id', 3n)), [3]);
});

check('gt, gte, lt and lte', async () => {
    assert.deepEqual(await ids(customers().gt('id', 1)), [2, 3]);
    assert.deepEqual(await ids(customers().gte('id', 2)), [2, 3]);
    assert.deepEqual(await ids(customers().lt('id', 2)), [1]);
    assert.deepEqual(await ids(customers().lte('id', 2)), [1, 2]);
    assert.deepEqual(await ids(orders().gte('placed_at', new Date(Date.UTC(2026, 0, 3, 10)).toISOString())), [2, 3]);
    assert.deepEqual(await skus(products().gt('price', 2).lte('price', 12.5)), ['mug']);
});

check('like and ilike', async () => {
    assert.deepEqual(await ids(customers().like('name', '%a_%')), [2, 3]);
    assert.deepEqual(await ids(customers().like('name', 'a%')), []);
    assert.deepEqual(await ids(customers().ilike('name', 'a%')), [1]);
});

check('likeAllOf, likeAnyOf, ilikeAllOf and ilikeAnyOf', async () => {
    assert.deepEqual(await ids(customers().likeAllOf('name', ['%a%', '%l%'])), [2, 3]);
    assert.deepEqual(await ids(customers().likeAnyOf('name', ['A%', 'C%'])), [1, 3]);
    assert.deepEqual(await ids(customers().ilikeAllOf('name', ['%A%', '%L%'])), [2, 3]);
    assert.deepEqual(await ids(customers().ilikeAnyOf('name', ['a%', 'c%'])), [1, 3]);
});

check('regexMatch and regexIMatch', async () => {
    assert.deepEqual(await ids(customers().regexMatch('name', '^[AB]')), [1, 2]);
    assert.deepEqual(await ids(customers().regexMatch('name', '^[ab]')), []);
    assert.deepEqual(await ids(customers().regexIMatch('name', '^[ab]')), [1, 2]);
});

check('is, and isDistinct, for which null is a value', async () => {
    assert.deepEqual(await skus(products().is('made', null)), ['cap']);
    assert.deepEqual(await skus(products().neq('made', '2025-05-01')), ['pen']);
    assert.deepEqual(await skus(products().isDistinct('made', '2025-05-01')), ['cap', 'pen']);
});

check('in and notIn, with what needs quotes', async () => {
    assert.deepEqual(await ids(customers().in('country', ['GB', 'FR'])), [1, 2]);
    assert.deepEqual(await skus(products().in('title', ['A pen, blue', 'A (cap)', 'A cap'])), ['cap', 'pen']);
    assert.deepEqual(await ids(customers().in('id', [])), []);
    assert.deepEqual(await ids(customers().notIn('id', [1, 2])), [3]);
    assert.deepEqual(await skus(products().notIn('title', ['A pen, blue'])), ['cap', 'mug']);
});

check('contains and containedBy of arrays, JSON and ranges', async () => {
    assert.deepEqual(await ids(customers().contains('tags', ['best'])), [1, 3]);
    assert.deepEqual(await ids(customers().containedBy('tags', ['best'])), [2, 3]);
    assert.deepEqual(await ids(customers().contains('about', { vip: true })), [1]);
    assert.deepEqual(await ids(customers().containedBy('about', { vip: false, more: 1 })), [2, 3]);
    assert.deepEqual(await skus(products().contains('sold_in', '[2,3)')), ['mug']);
    assert.deepEqual(await skus(products().containedBy('sold_in', '[1,6)')), ['cap', 'mug']); // the empty range is in any
});

check('rangeGt, rangeGte, rangeLt, rangeLte and rangeAdjacent', async () => {
    assert.deepEqual(await skus(products().rangeGt('sold_in', '[1,4)')), ['pen']);
    assert.deepEqual(await skus(products().rangeGt('sold_in', '[2,6)')), []);
    assert.deepEqual(await skus(products().rangeGte('sold_in', '[2,6)')), ['pen']);
    assert.deepEqual(await skus(products().rangeLt('sold_in', '[5,8)')), ['mug']);
    assert.deepEqual(await skus(products().rangeLt('sold_in', '[3,6)')), []);
    assert.deepEqual(await skus(products().rangeLte('sold_in', '[3,6)')), ['mug']);
    assert.deepEqual(await skus(products().rangeAdjacent('sold_in', '[9,12)')), ['pen']);
    assert.deepEqual(await skus(products().rangeAdjacent('sold_in', '[5,6)')), ['mug']);
});

check('overlaps of arrays and ranges', async () => {
    assert.deepEqual(await ids(customers().overlaps('tags', ['first', 'other'])), [1]);
    assert.deepEqual(await skus(products().overlaps('sold_in', '[4,5)')), ['mug', 'pen']);
});

check('textSearch in its four ways', async () => {
    const found = (query, type) => skus(products().textSearch('title', query, { type, config: 'english' }));
    assert.deepEqual(await found('blue & pens'), ['pen']);
    assert.deepEqual(await found('a mug', 'plain'), ['mug']);
    assert.deepEqual(await found('pen blue', 'phrase'), ['pen']);
    assert.deepEqual(await found('blue pen', 'phrase'), []);
    assert.deepEqual(await found('cap or pen -blue', 'websearch'), ['cap']);
    assert.deepEqual(await skus(products().textSearch('title', 'mug')), ['mug']);
});

check('match, not and filter', async () => {
    assert.deepEqual(await ids(customers().match({ name: 'Carl', country: 'DE', about: undefined })), [3]);
    assert.deepEqual(await ids(customers().not('country', 'is', null)), [1, 2, 3]);
    assert.deepEqual(await ids(customers().not('id', 'in', '(1,2)')), [3]);
    assert.deepEqual(await ids(customers().not('tags', 'cs', '{best}')), [2]);
    assert.deepEqual(await ids(customers().filter('id', 'in', '(2,3)')), [2, 3]);
    assert.deepEqual(await ids(customers().filter('about->born->year', 'gt', 1800)), [1]);
    assert.deepEqual(await ids(customers().filter('name', 'not.like', 'A*')), [2, 3]);
});

check('or, of rows and of what is embedded', async () => {
    assert.deepEqual(await ids(customers().or('id.eq.1,and(country.eq.DE,name.like.C*)')), [1, 3]);
    assert.deepEqual(await ids(customers().or('tags.cs.{first},name.in.("Carl","a,b")')), [1, 3]);
    assert.deepEqual(await ids(customers().or('id.eq.1,id.eq.2').or('country.eq.FR,country.eq.DE')), [2]);
    assert.deepEqual(await data(orders('id, lines(sku)').or('quantity.gt.1,sku.eq.cap', { referencedTable: 'lines' }).order('id')),
        [{ id: 1, lines: [{ sku: 'mug' }] }, { id: 2, lines: [{ sku: 'cap' }] }, { id: 3, lines: [{ sku: 'mug' }] }]);
});

// ---- order and pages

check('order, and where null is', async () => {
    const sorted = async (query) => (await data(query)).map((row) => row.sku);
    assert.deepEqual(await sorted(products().order('price', { ascending: false })), ['cap', 'mug', 'pen']);
    assert.deepEqual(await sorted(products().order('made', { ascending: false, nullsFirst: false })), ['pen', 'mug', 'cap']);
    assert.deepEqual(await sorted(products().order('made', { nullsFirst: true })), ['cap', 'mug', 'pen']);
});

check('order by several, and by what is embedded', async () => {
    const sorted = async (query) => (await data(query)).map((row) => row.id);
    assert.deepEqual(await sorted(orders('id').order('customer_id', { ascending: false }).order('id', { ascending: false })), [3, 2, 1]);
    assert.deepEqual(await sorted(orders('id, customers(name)').order('customers(name)', { ascending: false }).order('id')), [3, 1, 2]);
    assert.deepEqual(await data(customers('orders(id)').order('id', { referencedTable: 'orders', ascending: false }).eq('id', 1)),
        [{ orders: [{ id: 2 }, { id: 1 }] }]);
});

check('limit, of rows and of what is embedded', async () => {
    assert.deepEqual(await data(customers().order('id').limit(2)), [{ id: 1 }, { id: 2 }]);
    assert.deepEqual(await data(customers('orders(id)').eq('id', 1).order('id', { referencedTable: 'orders' })
        .limit(1, { referencedTable: 'orders' })), [{ orders: [{ id: 1 }] }]);
    assert.deepEqual(await data(customers('orders(id)').eq('id', 1).order('id', { referencedTable: 'orders' })
        .range(1, 1, { referencedTable: 'orders' })), [{ orders: [{ id: 2 }] }]);
});

check('range with an exact count', async () => {
    const got = await client.from('customers').select('id', { count: 'exact' }).order('id').range(1, 1);
    assert.deepEqual([got.data, got.count, got.status, got.statusText], [[{ id: 2 }], 3, 206, 'Partial Content']);
    const all = await client.from('customers').select('id', { count: 'exact' }).order('id').range(0, 9);
    assert.deepEqual([all.data.length, all.count, all.status], [3, 3, 200]);
    assert.equal((await customers().range(0, 0)).count, null);
});

check('a range beyond the rows', async () => {
    const got = await failure(client.from('customers').select('id', { count: 'exact' }).range(10, 20), 416, 'PGRST103');
    assert.equal(got.error.details, 'An offset of 10 was requested, but there are only 3 rows.');
    assert.deepEqual(await data(customers().range(10, 20)), []);
});

check('an estimated count', async () => {
    const got = await client.from('customers').select('id', { count: 'estimated' }).order('id').limit(1);
    assert.deepEqual([got.data, got.count], [[{ id: 1 }], 3]);
});

check('a count alone', async () => {
    const got = await client.from('customers').select('*', { count: 'exact', head: true }).gt('id', 1);
    assert.deepEqual([got.data, got.error, got.count, got.status], [null, null, 2, 200]);
});

// ---- other shapes

check('single of one row, of none and of several', async () => {
    assert.deepEqual(await data(customers('name').eq('id', 2).single()), { name: 'Blaise' });
    for (const [query, rows] of [[customers().eq('id', 99), 0], [customers(), 3]]) {
        const { error } = await failure(query.single(), 406, 'PGRST116');
        assert.equal(error.message, 'Cannot coerce the result to a single JSON object');
        assert.deepEqual([error.details, error.hint], [`The result contains ${rows} rows`, null]);
    }
});

check('maybeSingle of one row, of none and of two', async () => {
    assert.deepEqual(await data(customers('name').eq('id', 2).maybeSingle()), { name: 'Blaise' });
    const none = await customers('name').eq('id', 99).maybeSingle();
    assert.deepEqual([none.data, none.error, none.status], [null, null, 200]);
    await failure(customers('name').lte('id', 2).maybeSingle(), 406, 'PGRST116');
});

check('csv', async () => {
    assert.equal((await data(products('sku, title, made').order('sku').csv())).trimEnd(),
        'sku,title,made\ncap,"A cap",\nmug,"A mug",2025-05-01\npen,"A pen, blue",2025-06-01');
});

check('without nulls', async () => {
    assert.deepEqual(await data(products('sku, made').order('sku').limit(2).stripNulls()), [{ sku: 'cap' }, { sku: 'mug', made: '2025-05-01' }]);
    assert.deepEqual(await data(products('sku, made').eq('sku', 'cap').single().stripNulls()), { sku: 'cap' });
});

check('returns and overrideTypes change types alone', async () => {
    assert.deepEqual(await data(customers('name').eq('id', 1).returns()), [{ name: 'Ada' }]);
    assert.deepEqual(await data(customers('name').eq('id', 1).single().overrideTypes()), { name: 'Ada' });
});

check('a preference of the header', async () => {
    assert.deepEqual(await data(orders('placed_at').eq('id', 1).setHeader('Prefer', 'timezone=America/New_York')),
        [{ placed_at: '2026-01-02T05:00:00-05:00' }]);
});

check('explain is not served, and the refusal names it; geojson is left to PostGIS', async () => {
    const plan = await failure(customers().explain(), 406, 'PGRST107');
    assert.match(plan.error.message, /application\/vnd\.pgrst\.plan\+text/);
    const map = await failure(customers().geojson(), 404, '42883');
    assert.match(map.error.message, /st_asgeojson/);
});

// ---- writes

check('insert one row', async () => {
    const silent = await client.from('customers').insert({ id: 50, name: 'Dora, "D"' });
    assert.deepEqual([silent.data, silent.error, silent.status, silent.statusText], [null, null, 201, 'Created']);
    const told = await client.from('customers').insert({ id: 51, name: 'Ernst', about: { vip: true }, tags: ['x,y', 'z'] }).select().single();
    assert.deepEqual([told.data, told.status],
        [{ id: 51, name: 'Ernst', country: null, about: { vip: true }, tags: ['x,y', 'z'] }, 201]);
    assert.deepEqual(await data(customers('name').eq('id', 50)), [{ name: 'Dora, "D"' }]);
});

check('insert several rows, and what is missing in some', async () => {
    const rows = [{ id: 52, name: 'Emil' }, { id: 53, name: 'Flora', tags: ['x'] }];
    const nulls = await failure(client.from('customers').insert(rows), 400, '23502'); // tags are never null
    assert.match(nulls.error.message, /"tags"/);
    const got = await client.from('customers').insert(rows, { defaultToNull: false, count: 'exact' }).select('id, tags');
    assert.deepEqual([got.data, got.count, got.status], [[{ id: 52, tags: [] }, { id: 53, tags: ['x'] }], 2, 201]);
    assert.deepEqual(await data(client.from('customers').insert([]).select()), []);
});

check('upsert by a column, and past duplicates', async () => {
    const table = () => client.from('products');
    await data(table().insert({ sku: 'tee', title: 'A tee', price: 5 }));
    const merged = await data(table().upsert([{ sku: 'tee', title: 'A new tee', price: 6 }, { sku: 'wig', title: 'A wig', price: 7 }],
        { onConflict: 'sku' }).select('sku, title, price').order('sku'));
    assert.deepEqual(merged, [{ sku: 'tee', title: 'A new tee', price: 6 }, { sku: 'wig', title: 'A wig', price: 7 }]);
    const ignored = await data(table().upsert([{ sku: 'tee', title: 'Not', price: 1 }, { sku: 'zip', title: 'A zip', price: 8 }],
        { onConflict: 'sku', ignoreDuplicates: true }).select('sku'));
    assert.deepEqual(ignored, [{ sku: 'zip' }]);
    assert.deepEqual(await data(products('title').eq('sku', 'tee')), [{ title: 'A new tee' }]);
    assert.equal((await table().upsert({ sku: 'zip', title: 'Zip', price: 8 }, { count: 'exact' })).count, 1);
    assert.deepEqual(await data(products('title').eq('sku', 'zip')), [{ title: 'Zip' }]); // by the primary key
});

check('update', async () => {
    const silent = await client.from('customers').update({ country: 'IT' }, { count: 'exact' }).in('id', [51, 52]);
    assert.deepEqual([silent.data, silent.error, silent.count, silent.status], [null, null, 2, 204]);
    const told = await client.from('customers').update({ country: null, about: { a: [1] } }).eq('id', 51).select('country, about');
    assert.deepEqual([told.data, told.status], [[{ country: null, about: { a: [1] } }], 200]);
    assert.deepEqual(await data(client.from('customers').update({ name: 'x' }).eq('id', 999).select()), []);
    await failure(client.from('customers').update({ name: 'x' }).eq('id', 999).select().single(), 406, 'PGRST116');
});

check('maxAffected', async () => {
    const change = () => client.from('customers').update({ country: 'XX' });
    const refused = await failure(change().gte('id', 50).maxAffected(1), 400, 'PGRST124');
    assert.equal(refused.error.details, 'The query affects 4 rows');
    assert.deepEqual(await ids(customers().eq('country', 'XX')), []);
    assert.equal((await change().eq('id', 50).maxAffected(1)).status, 204);
});

check('rollback', async () => {
    assert.deepEqual(await data(client.from('customers').insert({ id: 60, name: 'Gone' }).rollback().select('name')), [{ name: 'Gone' }]);
    assert.deepEqual(await ids(customers().eq('id', 60)), []);
});

check('delete', async () => {
    const told = await client.from('customers').delete({ count: 'exact' }).in('id', [50, 51]).select('id').order('id');
    assert.deepEqual([told.data, told.count, told.status], [[{ id: 50 }, { id: 51 }], 2, 200]);
    const silent = await client.from('customers').delete().gte('id', 52);
    assert.deepEqual([silent.data, silent.error, silent.status], [null, null, 204]);
    assert.deepEqual(await ids(customers().gte('id', 50)), []);
    assert.deepEqual(await data(client.from('customers').delete().eq('id', 50).select()), []);
});

// ---- functions

check('rpc by POST', async () => {
    assert.equal(await data(client.rpc('add', { a: 1, b: 2 })), 3);
    assert.equal(await data(client.rpc('total', { items: [{ price: '2.5' }, { price: 7 }] })), 9.5);
    assert.deepEqual(await data(client.rpc('echo', { any: ['thing', null] })), { any: ['thing', null] });
});

check('rpc by GET', async () => {
    assert.equal(await data(client.rpc('add', { a: 1, b: undefined }, { get: true })), 11);
    assert.equal(await data(client.rpc('total', { items: '[{"price":1}]' }, { get: true })), 1);
    await failure(client.rpc('order_now', { customer: 1 }, { get: true }), 405, '25006'); // it writes
});

check('rpc by HEAD', async () => {
    const got = await client.rpc('orders_of', { customer: 1 }, { head: true, count: 'exact' });
    assert.deepEqual([got.data, got.error, got.count, got.status], [null, null, 2, 200]);
    const posted = await client.rpc('total', { items: [{ price: 4 }] }, { head: true, count: 'exact' }); // an object has to be
    assert.deepEqual([posted.error, posted.count, posted.status], [null, 1, 200]);
});

check('rpc of rows, as of a table', async () => {
    assert.deepEqual(await data(client.rpc('orders_of', { customer: 1 }).select('id, customers(name)').eq('state', 'open')),
        [{ id: 2, customers: { name: 'Ada' } }]);
    assert.deepEqual(await data(client.rpc('orders_of', { customer: 1 }).select('id').order('id', { ascending: false }).limit(1).single()), { id: 2 });
    const page = await client.rpc('orders_of', { customer: 1 }, { get: true, count: 'exact' }).select('id').range(1, 1);
    assert.deepEqual([page.data, page.count, page.status], [[{ id: 2 }], 2, 206]);
});

check('rpc of nothing', async () => {
    const got = await client.rpc('nap', { seconds: 0 });
    assert.deepEqual([got.data, got.error, got.status, got.statusText], [null, null, 204, 'No Content']);
});

// ---- schemas, tokens, errors

check('schema', async () => {
    assert.deepEqual(await data(client.schema('api').from('customers').select('name').eq('id', 1)), [{ name: 'Ada' }]);
    assert.equal(await data(client.schema('api').rpc('add', { a: 1 })), 11);
    await failure(client.schema('hidden').from('ledger').select('*'), 406, 'PGRST106');
    await failure(client.schema('hidden').from('ledger').insert({ id: 1 }), 406, 'PGRST106');
    assert.deepEqual(await data(new PostgrestClient(url).from('customers').select('id').eq('id', 1)), [{ id: 1 }]);
});

check('a token', async () => {
    assert.deepEqual(await data(withToken.from('secrets').select('id').order('id').limit(2)), [{ id: 2 }, { id: 4 }]);
    await failure(client.from('secrets').select('id'), 401, '42501');
    await failure(client.from('secrets').select('id').setHeader('Authorization', 'Bearer a.b.c'), 401, 'PGRST301');
});

check('errors of constraints', async () => {
    const table = () => client.from('products');
    const twice = await failure(table().insert({ sku: 'mug', title: 'another', price: 1 }), 409, '23505');
    assert.deepEqual([twice.error.message, twice.error.details, twice.error.hint, twice.statusText],
        ['duplicate key value violates unique constraint "products_pkey"', 'Key (sku)=(mug) already exists.', null, 'Conflict']);
    await failure(table().insert({ sku: 'x', title: 'x', price: -1 }), 400, '23514');
    await failure(client.from('orders').insert({ customer_id: 999 }), 409, '23503');
    await failure(client.from('customers').insert({}), 400, '23502');
});

check('errors of what is not there', async () => {
    await failure(customers('nothing'), 400, '42703');
    const typo = await failure(client.from('customer').select('*'), 404, 'PGRST205');
    assert.equal(typo.error.hint, "Perhaps you meant the table 'api.customers'");
    await failure(customers('products!nothing(*)'), 400, 'PGRST200');
    await failure(client.from('customers').insert([{ nothing: 1 }]), 400, 'PGRST204');
    await failure(client.rpc('nothing', { a: 1 }), 404, 'PGRST202');
    await failure(customers('id,').or('id.eq'), 400, 'PGRST100');
});

check('errors of values', async () => {
    await failure(customers().eq('id', 'x'), 400, '22P02');
    await failure(client.rpc('add', { a: 'x' }), 400, '22P02');
    const refused = await failure(client.rpc('refuse', {}), 418, 'PT418');
    assert.deepEqual([refused.error.message, refused.error.details, refused.error.hint], ['the shop is shut', 'it is Sunday', 'come back']);
});

check('throwOnError', async () => {
    assert.deepEqual((await customers().eq('id', 1).throwOnError()).data, [{ id: 1 }]);
    await assert.rejects(async () => customers('nothing').throwOnError(), (error) =>
        error instanceof PostgrestError && error.code === '42703' && error.message === 'column customers.nothing does not exist');
});

check('a signal that has come, one that comes, and a timeout', async () => {
    const early = await customers().abortSignal(AbortSignal.abort());
    assert.deepEqual([early.data, early.status, early.error.code], [null, 0, '']);
    assert.match(early.error.message, /^AbortError/);
    const controller = new AbortController();
    const late = client.rpc('nap', { seconds: 2 }).abortSignal(controller.signal).then((got) => got);
    for (;;) { // until the server is at it
        const health = await (await fetch(url + '/health')).json();
        if (health.executors.busy > 0) break;
    }
    controller.abort();
    assert.match((await late).error.message, /^AbortError/);
    const hasty = new PostgrestClient(url, { schema: 'api', timeout: 50 });
    assert.equal((await hasty.rpc('nap', { seconds: 2 })).status, 0);
    assert.deepEqual(await ids(customers()), [1, 2, 3]); // and the server goes on
});

check('the OpenAPI document', async () => {
    const document = await data(client.getOpenApiSpec());
    assert.deepEqual([document.swagger, document.basePath], ['2.0', '/api']);
    assert.ok(document.paths['/customers'].get && document.paths['/rpc/add'].get && document.definitions.products);
    assert.equal(document.paths['/secrets'], undefined); // who asks may not see it
});

for (const [name, body] of checks) {
    let error = null;
    await body().catch((thrown) => { error = String(thrown.stack ?? thrown); });
    console.log(JSON.stringify({ name, error }));
}
