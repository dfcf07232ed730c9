// Dates in the reader's locale. Labels of buckets are wall time of the store and are read as such; instants are shown in the store's zone.

import { locales, nothing } from './numbers'

const formats = new Map<string, Intl.DateTimeFormat>()

function format(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
    const key = JSON.stringify([locales(), options])
    let found = formats.get(key)
    if (!found) formats.set(key, (found = new Intl.DateTimeFormat(locales(), options)))
    return found
}

/** Wall time as a Date whose UTC fields are that wall time. */
export function wallTime(label: string): Date {
    const text = label.replace(' ', 'T')
    return new Date(text.length === 10 ? `${text}T00:00:00Z` : `${text.slice(0, 19)}Z`)
}

const wall = (label: string, options: Intl.DateTimeFormatOptions) => format({ ...options, timeZone: 'UTC' }).format(wallTime(label))

export function day(label: string): string {
    return wall(label, { day: 'numeric', month: 'short', year: 'numeric' })
}

export function shortDay(label: string): string {
    return wall(label, { day: 'numeric', month: 'short' })
}

export function month(label: string): string {
    return wall(label, { month: 'short', year: 'numeric' })
}

/** A bucket in words: Fri, 9 Dec 2011; Week of 5 Dec 2011; December 2011. */
export function bucket(label: string, grain: string): string {
    switch (grain) {
        case 'hour':
            return wall(label, { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })
        case 'week':
            return `Week of ${day(label)}`
        case 'month':
            return wall(label, { month: 'long', year: 'numeric' })
        default:
            return wall(label, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' })
    }
}

/** What an axis says of a bucket: the less, the closer they are. */
export function tick(label: string, grain: string): string {
    if (grain === 'hour') return wall(label, { hour: '2-digit', minute: '2-digit' })
    if (grain === 'month') return wall(label, { month: 'short', year: '2-digit' })
    return shortDay(label)
}

/** 10 Nov – 9 Dec 2011, both ends included. */
export function dayRange(first: string, last: string): string {
    return format({ day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' }).formatRange(wallTime(first), wallTime(last))
}

export function instant(value: string | null | undefined, timezone: string | null): string {
    if (!value) return nothing
    return format({ dateStyle: 'medium', timeStyle: 'short', timeZone: timezone ?? 'UTC' }).format(new Date(value))
}

export function clock(value: string | null | undefined, timezone: string | null, seconds = false): string {
    if (!value) return nothing
    return format({ hour: '2-digit', minute: '2-digit', ...(seconds ? { second: '2-digit' } : {}), timeZone: timezone ?? 'UTC' }).format(new Date(value))
}
