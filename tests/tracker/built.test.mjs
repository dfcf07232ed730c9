// What is served: small enough, and in the language of 2018.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { createRequire } from 'node:module';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const acorn = createRequire(process.env.TRACKER_MODULES + '/')('acorn');
const built = readFileSync(process.env.TRACKER_SCRIPT);
const source = readFileSync('tracker/analytics.js', 'utf8');

test('under 3 kB, compressed', () => {
    const size = gzipSync(built).length;
    assert.ok(size < 3000, `${size} bytes`);
});

test('ES2018, as written and as served', () => {
    for (const text of [source, built.toString()]) acorn.parse(text, { ecmaVersion: 2018, sourceType: 'script' });
});

test('only window.analytics and the dataLayer are there afterwards', () => {
    const free = new Set();
    assert.match(source, /^(\/\/.*\n)*\(\(\) => \{\n'use strict';/, 'one function around it all');
    for (const [, name] of source.matchAll(/window\.(\w+) = /g)) free.add(name);
    assert.deepEqual([...free].sort(), ['analytics', 'dataLayer']);
});

function squeeze(text) {
    const place = mkdtempSync(join(tmpdir(), 'squeeze-'));
    try {
        writeFileSync(join(place, 'in.js'), text);
        execFileSync('python3', ['scripts/squeeze_js.py', join(place, 'in.js'), join(place, 'out.js')], { stdio: 'pipe' });
        return readFileSync(join(place, 'out.js'), 'utf8');
    } finally {
        rmSync(place, { recursive: true });
    }
}

test('squeezing keeps the meaning', () => {
    const text = `// comment
const long = 1; // another
const other = 'long // no comment' + "it's" + /long[/]\\/\\//.source;
const deep = { long: long, x: 2 };
const sum = (first, ...rest) => first + +rest[0] - -long;
let count = 0;
count++ + 1;
[deep.long, other, sum(long, '5'), 6 / 2 / count, ((x) => x > 0 ? long : count)(1)].join()
`;
    assert.equal((0, eval)(squeeze(text)), (0, eval)(`{${text}}`));
    assert.doesNotMatch(squeeze(text), /comment\n|another|const long/);
});

test('squeezing stops where it could not be sure', () => {
    for (const text of ['const long = `x`;\n', 'const long = 1;\nf({ long });\n', 'const long = 1;\nf({ a: 1, long, b: 2 });\n']) assert.throws(() => squeeze(text), /hint/);
});
