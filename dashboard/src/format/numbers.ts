// Numbers in the reader's locale; money in its own currency. What is not there is a dash.

export const nothing = '–'

/** The reader's languages, as Intl takes them. */
export function locales(): string[] {
    return navigator.languages?.length ? [...navigator.languages] : ['en']
}

const formats = new Map<string, Intl.NumberFormat>()

function format(options: Intl.NumberFormatOptions): Intl.NumberFormat {
    const key = JSON.stringify([locales(), options])
    let found = formats.get(key)
    if (!found) formats.set(key, (found = new Intl.NumberFormat(locales(), options)))
    return found
}

type Value = number | null | undefined

const missing = (value: Value): value is null | undefined => value === null || value === undefined || Number.isNaN(value)

export function count(value: Value): string {
    return missing(value) ? nothing : format({ maximumFractionDigits: 0 }).format(value)
}

export function decimal(value: Value, digits = 2): string {
    return missing(value) ? nothing : format({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value)
}

/** In full, with the currency's minor units. */
export function money(value: Value, currency: string): string {
    return missing(value) ? nothing : format({ style: 'currency', currency, currencyDisplay: 'narrowSymbol' }).format(value)
}

/** Without minor units where they say nothing: from a thousand on. */
export function roundMoney(value: Value, currency: string): string {
    if (missing(value)) return nothing
    if (Math.abs(value) < 1000) return money(value, currency)
    return format({ style: 'currency', currency, currencyDisplay: 'narrowSymbol', maximumFractionDigits: 0 }).format(value)
}

/** For axes: 12K, £1.2M. */
export function shortMoney(value: Value, currency: string): string {
    if (missing(value)) return nothing
    return format({ style: 'currency', currency, currencyDisplay: 'narrowSymbol', notation: 'compact', maximumFractionDigits: 1, minimumFractionDigits: 0 }).format(value)
}

export function shortCount(value: Value): string {
    return missing(value) ? nothing : format({ notation: 'compact', maximumFractionDigits: 1 }).format(value)
}

/** share: 0 to 1. */
export function percent(share: Value, digits = 1): string {
    return missing(share) ? nothing : format({ style: 'percent', minimumFractionDigits: digits, maximumFractionDigits: digits }).format(share)
}

/** A change in percent, as the API has it (21.72), with its sign. */
export function change(value: Value): string {
    if (missing(value)) return nothing
    const digits = Math.abs(value) < 100 ? 1 : 0
    return format({ style: 'percent', minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: 'exceptZero' }).format(value / 100)
}

/** Seconds, in the one unit that reads best: 30 ms, 0.4 s, 12 min, 3 h, 2 d. */
export function duration(seconds: Value): string {
    if (missing(seconds)) return nothing
    if (seconds > 0 && seconds < 0.1) return format({ style: 'unit', unit: 'millisecond', unitDisplay: 'short', maximumFractionDigits: 0 }).format(Math.ceil(seconds * 1000))
    const units: [number, string][] = [
        [86_400, 'day'],
        [3600, 'hour'],
        [60, 'minute'],
        [0, 'second'],
    ]
    const [size, unit] = units.find(([size]) => seconds >= size * 2) ?? [0, 'second']
    return format({ style: 'unit', unit, unitDisplay: 'short', maximumFractionDigits: seconds < 10 ? 1 : 0 }).format(size ? seconds / size : seconds)
}

export function bytes(value: Value): string {
    if (missing(value)) return nothing
    const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte']
    const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3))
    return format({ style: 'unit', unit: units[power], unitDisplay: 'short', maximumFractionDigits: power ? 1 : 0 }).format(value / 1000 ** power)
}
