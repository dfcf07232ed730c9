// Days of a range. Days are texts as 2011-12-09, wall time of the store; arithmetic is in UTC, where every day has 24 hours.

import type { StoreProfile } from '../api/types'
import type { Comparison, Grain, Preset, View } from './view'

export interface Range {
    first: string
    last: string
    /** What the API takes: from inclusive, to exclusive. */
    from: string
    to: string
    days: number
}

const msOfDay = 86_400_000

export function addDays(day: string, days: number): string {
    return new Date(Date.parse(`${day}T00:00:00Z`) + days * msOfDay).toISOString().slice(0, 10)
}

/** The first day of the month that is so many months after day's. */
function monthOf(day: string, months = 0): string {
    const date = new Date(`${day}T00:00:00Z`)
    return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + months, 1)).toISOString().slice(0, 10)
}

export function dayIn(instant: string, timezone: string): string {
    // sv-SE writes dates as ISO 8601 does
    return new Intl.DateTimeFormat('sv-SE', { timeZone: timezone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(new Date(instant))
}

function daysOf(preset: Preset, today: string, opened: string): [string, string] {
    switch (preset) {
        case 'today':
            return [today, today]
        case 'yesterday':
            return [addDays(today, -1), addDays(today, -1)]
        case '7d':
            return [addDays(today, -6), today]
        case '30d':
            return [addDays(today, -29), today]
        case '90d':
            return [addDays(today, -89), today]
        case '12m':
            return [monthOf(today, -11), today]
        case 'month':
            return [monthOf(today), today]
        case 'last_month':
            return [monthOf(today, -1), addDays(monthOf(today), -1)]
        case 'quarter':
            return [monthOf(today, -(Number(today.slice(5, 7)) - 1) % 3), today]
        case 'year':
            return [`${today.slice(0, 4)}-01-01`, today]
        case 'all':
            return [opened < today ? opened : today, today]
    }
}

export function rangeOf(range: View['range'], profile: StoreProfile): Range {
    const opened = profile.first_event_at ? dayIn(profile.first_event_at, profile.timezone) : profile.today
    const [first, last] = typeof range === 'string' ? daysOf(range, profile.today, opened) : [range.first, range.last]
    const after = addDays(last, 1)
    return {
        first,
        last,
        from: `${first}T00:00:00`,
        to: `${after}T00:00:00`,
        days: Math.round((Date.parse(`${after}T00:00:00Z`) - Date.parse(`${first}T00:00:00Z`)) / msOfDay),
    }
}

/** What a range of days is compared with, as visualize() has it at grain day: null where nothing is. */
export function comparedRange(range: Range, compare: Comparison): { first: string; last: string } | null {
    if (compare === 'none') return null
    const shift = compare === 'previous_year' ? 364 : range.days
    return { first: addDays(range.first, -shift), last: addDays(range.last, -shift) }
}

/** The first day of the bucket that a day is in. */
export function bucketOf(day: string, grain: 'day' | 'week' | 'month', weekStart: string): string {
    if (grain === 'month') return monthOf(day)
    if (grain === 'day') return day
    const starts = { sunday: 0, monday: 1, saturday: 6 }[weekStart] ?? 1
    return addDays(day, -((new Date(`${day}T00:00:00Z`).getUTCDay() - starts + 7) % 7))
}

/** First days of a range's buckets, empty ones too. */
export function bucketsOf(range: { first: string; last: string }, grain: 'day' | 'week' | 'month', weekStart: string): string[] {
    const buckets: string[] = []
    for (let at = bucketOf(range.first, grain, weekStart); at <= range.last; at = grain === 'month' ? monthOf(at, 1) : addDays(at, grain === 'week' ? 7 : 1)) buckets.push(at)
    return buckets
}

/** The grain that a chart of a range reads well in: some 24 to 100 points. */
export function grainOf(grain: Grain, days: number): Exclude<Grain, 'auto'> {
    if (grain === 'hour' && days > 31) return 'day'
    if (grain !== 'auto') return grain
    if (days <= 2) return 'hour'
    if (days <= 100) return 'day'
    return days <= 750 ? 'week' : 'month'
}
