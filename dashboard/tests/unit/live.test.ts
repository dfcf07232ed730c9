import { describe, expect, test } from 'vitest'
import { appended, counted, type LiveEvent, merged, mostShown, streamReader, summed } from '../../src/pages/live_stream'

const event = (second: number, part: Partial<LiveEvent> = {}): LiveEvent => ({
    event_type: 'page_view',
    occurred_at: new Date(Date.UTC(2026, 2, 1, 12, 0, second)).toISOString(),
    store_id: 'main',
    order_id: null,
    product_id: null,
    quantity: null,
    value: null,
    currency: 'EUR',
    channel: 'web',
    country: null,
    device: null,
    ...part,
})

describe('the stream', () => {
    const whole = 'retry: 2000\n\nid: 790:790:\n\nid: 805:805:\nevent: events\ndata: {"events":[],\ndata:  "n":1}\n\n: ping\n\nevent: reset\ndata: x\n\n'

    test('messages, ids and the pause', () => {
        const reader = streamReader()
        expect(reader.feed(whole)).toEqual([
            { event: 'events', data: '{"events":[],\n "n":1}', id: '805:805:' },
            { event: 'reset', data: 'x', id: '805:805:' },
        ])
        expect(reader.lastId()).toBe('805:805:')
        expect(reader.retry()).toBe(2000)
    })

    test('cut anywhere, and with any line ends', () => {
        for (const text of [whole, whole.replaceAll('\n', '\r\n'), `${whole.replaceAll('\n', '\r')}\n`]) {
            const reader = streamReader()
            const messages = [...text].flatMap((letter) => reader.feed(letter))
            expect(messages.map((message) => message.event)).toEqual(['events', 'reset'])
        }
    })

    test('of a message that broke off the id is not taken: it is asked for again', () => {
        const reader = streamReader('1')
        reader.feed('id: 2\nevent: events\ndata: {}\n')
        expect(reader.lastId()).toBe('1')
        expect(reader.feed('\n')).toHaveLength(1)
        expect(reader.lastId()).toBe('2')
    })

    test('an id without data moves on, too', () => {
        const reader = streamReader()
        expect(reader.feed('id: 7\n\n')).toEqual([])
        expect(reader.lastId()).toBe('7')
    })
})

describe('the feed', () => {
    test('newest first, each with a key of its own', () => {
        const feed = appended(appended([], [event(1), event(1), event(3)], '1'), [event(2), event(1)], '2')
        expect(feed.map((one) => one.occurred_at)).toEqual([3, 2, 1, 1, 1].map((second) => event(second).occurred_at))
        expect(new Set(feed.map((one) => one.key)).size).toBe(5)
    })

    test('asked again, only what is new is added', () => {
        const first = merged([], [event(2), event(1)], false)
        expect(first.added).toHaveLength(2)
        const again = merged(first.feed, [event(3), event(2), event(1)], true)
        expect(again.added.map((one) => one.occurred_at)).toEqual([event(3).occurred_at])
        expect(again.feed.map((one) => one.fresh)).toEqual([true, false, false])
    })

    test('of two alike the second is new', () => {
        const first = merged([], [event(1)], false)
        expect(merged(first.feed, [event(1), event(1)], true).added).toHaveLength(1)
    })

    test('the same, however it is written', () => {
        const first = merged([], [event(1, { value: 54, occurred_at: '2026-03-01T12:00:01+00:00' })], false)
        expect(merged(first.feed, [event(1, { value: '54.00' as unknown as number, occurred_at: '2026-03-01T12:00:01.000Z' })], true).added).toEqual([])
    })

    test('it does not grow for ever', () => {
        expect(appended([], Array.from({ length: mostShown + 50 }, (_, i) => event(i)), '1')).toHaveLength(mostShown)
    })

    test('counts add up', () => {
        expect(summed({ purchase: 1 }, counted([event(1), event(2), event(3, { event_type: 'purchase' })]))).toEqual({ purchase: 2, page_view: 2 })
    })
})
