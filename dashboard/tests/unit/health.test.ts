import { describe, expect, test } from 'vitest'
import { jsonProblem, payloadLines, pointerSteps, rawText } from '../../src/pages/health_payload'
import { findings, type HealthReport, measuresOf, secondsOf } from '../../src/pages/health_state'

describe('a payload', () => {
    const payload = { event: 'purchase', items: [{ price: '1' }, { price: 'x', 'a/b': null }], empty: {} }
    const marked = (pointer: string, of: unknown = payload) => payloadLines(of, pointer).filter((line) => line.mark).map((line) => `${line.mark}: ${line.text.trim()}`)

    test('is written as JSON.stringify() does', () => {
        expect(payloadLines(payload, '').map((line) => line.text).join('\n')).toBe(JSON.stringify(payload, null, 2))
    })

    test('what the pointer names is marked, alone', () => {
        expect(marked('/items/1/price')).toEqual(['wrong: "price": "x",'])
        expect(marked('/items/1/a~1b')).toEqual(['wrong: "a/b": null'])
        expect(marked('/items/0')).toEqual(['wrong: {', 'wrong: "price": "1"', 'wrong: },'])
        expect(marked('', 17)).toEqual(['wrong: 17'])
    })

    test('what is missing is marked where it should stand', () => {
        expect(marked('/order_id')).toEqual(['missing: "order_id" is missing here'])
        expect(marked('/items/0/quantity')).toEqual(['missing: "quantity" is missing here'])
        expect(marked('/empty/name')).toEqual(['missing: "name" is missing here'])
        // no place for it: a text has no members
        expect(marked('/event/name')).toEqual(['wrong: "event": "purchase",'])
    })

    test('steps of a pointer', () => {
        expect(pointerSteps('/a~1b/~01/0/')).toEqual(['a/b', '~1', '0', ''])
        expect(pointerSteps('')).toEqual([])
    })

    test('bytes as text', () => {
        expect(rawText('\\x7b22c3a4223a317d')).toBe('{"ä":1}')
        expect(rawText('\\xff41')).toBe('\uFFFDA')
        expect(rawText('not bytes')).toBe('not bytes')
    })

    test('only an object can be an event', () => {
        expect(jsonProblem('{"event":"x"}')).toBeNull()
        for (const text of ['', '17', '[]', 'null', '{"event":']) expect(jsonProblem(text)).toBeTruthy()
    })
})

describe('how things stand', () => {
    const well: HealthReport = { version: '1', as_of: '2026-03-01T00:00:00Z', lag_seconds: 0, pending_rows: 0, problems: [], capabilities: [], rollups: [], models: [], jobs: [] }

    test('well', () => expect(findings(well)).toEqual([]))

    test('each problem comes with what to do', () => {
        const found = findings({
            ...well,
            problems: ['events of more than a minute ago are not merged yet, and no refresh worker runs', 'partition event_2026_04 is missing: its events go to the default one'],
            jobs: [{ job_name: 'analytics_refresh', schedule: '* * * * *', last_run: null, last_status: 'failed', last_message: 'out of disk' }],
            models: [{ model_id: 1, store_id: 'main', name: 'default', kind: 'customer_value', version: 2, trained_at: '', status: 'failed', promoted: false, rows: null, duration: null, error: 'no memory', metrics: null }],
        })
        expect(found.map((one) => one.text)).toEqual([
            'Events of more than a minute ago are not merged yet, and no refresh worker runs.',
            'Partition event_2026_04 is missing: its events go to the default one.',
            'The job analytics_refresh failed: out of disk',
            'Training customer value for main failed: no memory',
        ])
        expect(found[0]?.todo).toContain('analytics.schedule()')
        expect(found[1]?.todo).toContain('partition')
    })

    test('too little data is no failure', () => {
        expect(findings({ ...well, models: [{ model_id: 1, store_id: 'main', name: 'default', kind: 'clusters', version: 1, trained_at: '', status: 'insufficient_data', promoted: false, rows: 3, duration: null, error: 'few', metrics: null }] })).toEqual([])
    })

    test('of metrics the single figures', () => {
        expect(measuresOf({ k: 2, converged: true, centroids: [[1]], left_out: { null: 33 }, silhouettes: { '2': 0.4 }, bgnbd: { a: 0.1, standard_errors: { a: 1 } } })).toEqual([
            { name: 'k', value: 2 },
            { name: 'converged', value: true },
            { name: 'left_out: null', value: 33 },
            { name: 'bgnbd: a', value: 0.1 },
        ])
        expect(measuresOf(null)).toEqual([])
    })

    test('intervals in seconds', () => {
        expect(secondsOf('00:01:02.5')).toBe(62.5)
        expect(secondsOf('1 day 00:00:01')).toBe(86_401)
        expect(secondsOf(null)).toBeNull()
    })
})
