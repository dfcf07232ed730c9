import { afterEach, describe, expect, it, vi } from 'vitest'
import { csv } from '../../src/format/csv'
import { bucket, dayRange, instant } from '../../src/format/dates'
import { country, keyName, sentence } from '../../src/format/names'
import { change, count, duration, money, percent, roundMoney, shortMoney } from '../../src/format/numbers'

const read = (text: string) => text.replaceAll(/[\u00a0\u202f\u2009]/g, ' ')
const inLocale = (...locales: string[]) => vi.spyOn(navigator, 'languages', 'get').mockReturnValue(locales)

afterEach(() => vi.restoreAllMocks())

describe('numbers', () => {
    it('are the reader’s, in the store’s currency', () => {
        inLocale('en-GB')
        expect(money(1403682.43, 'GBP')).toBe('£1,403,682.43')
        expect(roundMoney(1403682.43, 'GBP')).toBe('£1,403,682')
        expect(roundMoney(559.84, 'GBP')).toBe('£559.84')
        inLocale('de-DE')
        expect(read(money(1403682.43, 'GBP'))).toBe('1.403.682,43 £')
        expect(read(percent(0.061))).toBe('6,1 %')
    })

    it('have the minor units that the currency has', () => {
        inLocale('en-US')
        expect(money(1234, 'JPY')).toBe('¥1,234')
        expect(money(1.5, 'KWD')).toContain('1.500')
    })

    it('are short on axes', () => {
        inLocale('en-US')
        expect(shortMoney(120000, 'USD')).toBe('$120K')
    })

    it('are a dash where there are none', () => {
        for (const format of [count, percent, change, duration]) expect(format(null)).toBe('–')
        expect(money(undefined, 'GBP')).toBe('–')
    })

    it('show changes with their sign', () => {
        inLocale('en-US')
        expect([change(21.72), change(-3), change(0), change(1234.5)]).toEqual(['+21.7%', '-3.0%', '0.0%', '+1,235%'])
    })

    it('show durations in the unit that reads best', () => {
        inLocale('en-US')
        expect([duration(0.4), duration(90), duration(300), duration(7200)].map(read)).toEqual(['0.4 sec', '90 sec', '5 min', '2 hr'])
    })
})

describe('dates', () => {
    it('show wall time of the store as it is, wherever the reader sits', () => {
        inLocale('en-GB')
        expect(process.env.TZ).toBe('America/New_York')
        expect(bucket('2011-12-09', 'day')).toMatch(/^Fri,? 9 Dec 2011$/)
        expect(read(bucket('2011-12-09T23:00:00', 'hour'))).toMatch(/^Fri,? 9 Dec,? 23:00$/)
        expect(bucket('2011-12-01', 'month')).toBe('December 2011')
        expect(read(dayRange('2011-11-10', '2011-12-09'))).toMatch(/^10 Nov\s?[–-]\s?9 Dec 2011$/)
    })

    it('show instants in the store’s zone', () => {
        inLocale('en-GB')
        expect(instant('2026-06-30T23:30:00Z', 'Europe/Berlin')).toBe('1 Jul 2026, 01:30')
    })
})

describe('names', () => {
    it('of countries are the reader’s, others as they were sent', () => {
        inLocale('de')
        expect(country('DE')).toBe('Deutschland')
        expect(country('Narnia')).toBe('Narnia')
        expect(keyName('channel', '(none)')).toBe('Not set')
        expect(keyName('country', '(other)')).toBe('Other')
        expect(sentence('needs_attention')).toBe('Needs attention')
    })
})

describe('CSV', () => {
    it('quotes what has to be, and ends lines as RFC 4180 does', () => {
        expect(csv(['a', 'b'], [['x,"y"', 1.5], ['two\nlines', null]])).toBe('a,b\r\n"x,""y""",1.5\r\n"two\nlines",\r\n')
    })

    it('lets no product’s name be a formula, and leaves negative numbers alone', () => {
        expect(csv(['name', 'n'], [['=HYPERLINK("x")', -5]])).toBe('name,n\r\n"\'=HYPERLINK(""x"")",-5\r\n')
    })
})
