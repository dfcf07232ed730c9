import { describe, expect, it } from 'vitest'
import { defaultView, parseView, printView, toggled, type View } from '../../src/state/view'

describe('the address as a view', () => {
    it('is the default where it says nothing', () => {
        expect(parseView('')).toEqual(defaultView)
        expect(printView(defaultView)).toBe('')
    })

    it('comes back as it went, commas and ampersands in values too', () => {
        const view: View = {
            store: 'paris & co',
            range: { first: '2011-11-01', last: '2011-11-30' },
            compare: 'previous_year',
            grain: 'week',
            filters: { channel: ['web', 'app'], category: ['Home, Garden & More'] },
            currency: 'EUR',
            basis: 'order',
        }
        expect(parseView(printView(view))).toEqual(view)
    })

    it('leaves out what is not sound', () => {
        expect(parseView('?range=forever&compare=x&grain=minute&currency=euros&basis=gross&from=2011-02-30&to=2011-03-01')).toEqual(defaultView)
        expect(parseView('?from=2011-03-02&to=2011-03-01').range).toBe('30d')
        expect(parseView('?country=&country=DE&country=DE').filters).toEqual({ country: ['DE'] })
    })

    it('keeps what belongs to the page', () => {
        expect(printView({ ...defaultView, range: '7d' }, '?range=90d&sort=-orders&page=2')).toBe('?range=7d&sort=-orders&page=2')
    })

    it('adds and takes away one value of a filter', () => {
        const once = toggled({}, 'country', 'DE')
        expect(once).toEqual({ country: ['DE'] })
        expect(toggled(once, 'country', 'FR')).toEqual({ country: ['DE', 'FR'] })
        expect(toggled(once, 'country', 'DE')).toEqual({})
    })
})
