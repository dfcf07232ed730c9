import { describe, expect, it } from 'vitest'
import type { StoreProfile } from '../../src/api/types'
import { bucketOf, bucketsOf, comparedRange, dayIn, grainOf, rangeOf } from '../../src/state/range'
import { presets } from '../../src/state/view'

const profile: StoreProfile = {
    store_id: 'main',
    currency: 'GBP',
    timezone: 'Europe/London',
    week_start: 'monday',
    clock: 'data',
    today: '2012-02-29',
    first_event_at: '2010-12-01T08:26:00+00:00',
    last_event_at: '2012-02-29T12:50:00+00:00',
}

describe('ranges', () => {
    it.each([
        ['today', '2012-02-29', '2012-02-29', 1],
        ['yesterday', '2012-02-28', '2012-02-28', 1],
        ['7d', '2012-02-23', '2012-02-29', 7],
        ['30d', '2012-01-31', '2012-02-29', 30],
        ['90d', '2011-12-02', '2012-02-29', 90],
        ['12m', '2011-03-01', '2012-02-29', 366],
        ['month', '2012-02-01', '2012-02-29', 29],
        ['last_month', '2012-01-01', '2012-01-31', 31],
        ['quarter', '2012-01-01', '2012-02-29', 60],
        ['year', '2012-01-01', '2012-02-29', 60],
        ['all', '2010-12-01', '2012-02-29', 456],
    ] as const)('%s ends with the store’s day, not the reader’s', (preset, first, last, days) => {
        expect(rangeOf(preset, profile)).toMatchObject({ first, last, days })
    })

    it('has all presets', () => {
        for (const preset of presets) expect(rangeOf(preset, profile).days).toBeGreaterThan(0)
    })

    it('takes the last day in, and passes the day after on', () => {
        expect(rangeOf({ first: '2012-03-24', last: '2012-03-25' }, profile)).toMatchObject({ from: '2012-03-24T00:00:00', to: '2012-03-26T00:00:00', days: 2 })
    })

    it('knows an instant’s day in the store’s zone', () => {
        expect(dayIn('2010-12-01T03:00:00+00:00', 'America/New_York')).toBe('2010-11-30')
    })

    it('compares with as many days before, or with the same weekdays of a year ago', () => {
        const range = rangeOf('7d', profile)
        expect(comparedRange(range, 'previous_period')).toEqual({ first: '2012-02-16', last: '2012-02-22' })
        expect(comparedRange(range, 'previous_year')).toEqual({ first: '2011-02-24', last: '2011-03-02' })
        expect(comparedRange(range, 'none')).toBeNull()
    })

    it('chooses a grain with points enough and not too many', () => {
        expect([1, 2, 7, 30, 100, 365, 800].map((days) => grainOf('auto', days))).toEqual(['hour', 'hour', 'day', 'day', 'day', 'week', 'month'])
        expect(grainOf('hour', 365)).toBe('day')
        expect(grainOf('month', 7)).toBe('month')
    })

    it('puts days into weeks that begin as the store’s do', () => {
        expect(bucketOf('2011-12-11', 'week', 'monday')).toBe('2011-12-05')
        expect(bucketOf('2011-12-11', 'week', 'sunday')).toBe('2011-12-11')
        expect(bucketOf('2011-12-11', 'week', 'saturday')).toBe('2011-12-10')
        expect(bucketsOf({ first: '2011-11-30', last: '2012-01-01' }, 'month', 'monday')).toEqual(['2011-11-01', '2011-12-01', '2012-01-01'])
        expect(bucketsOf({ first: '2011-12-01', last: '2011-12-12' }, 'week', 'monday')).toEqual(['2011-11-28', '2011-12-05', '2011-12-12'])
    })
})
