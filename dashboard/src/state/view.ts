// What a page shows, as the address says it: the same link shows the same page. Names that this module does not know belong to the page.

export const dimensions = ['channel', 'country', 'category'] as const
export type Dimension = (typeof dimensions)[number]

export const presets = ['today', 'yesterday', '7d', '30d', '90d', '12m', 'month', 'last_month', 'quarter', 'year', 'all'] as const
export type Preset = (typeof presets)[number]

export const comparisons = ['previous_period', 'previous_year', 'none'] as const
export type Comparison = (typeof comparisons)[number]

export const grains = ['auto', 'hour', 'day', 'week', 'month'] as const
export type Grain = (typeof grains)[number]

export interface View {
    /** null: the first store that has events. */
    store: string | null
    /** A range by name, or by its first and last day. */
    range: Preset | { first: string; last: string }
    compare: Comparison
    grain: Grain
    filters: Partial<Record<Dimension, string[]>>
    /** null: everything, converted into the store's currency. */
    currency: string | null
    basis: 'refund' | 'order'
}

export const defaultView: View = { store: null, range: '30d', compare: 'previous_period', grain: 'auto', filters: {}, currency: null, basis: 'refund' }

const known = ['store', 'range', 'from', 'to', 'compare', 'grain', 'currency', 'basis', ...dimensions]

function oneOf<T extends string>(allowed: readonly T[], value: string | null, otherwise: T): T {
    return allowed.find((name) => name === value) ?? otherwise
}

export function isDay(text: string | null): text is string {
    if (!text || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return false
    const time = Date.parse(`${text}T00:00:00Z`)
    return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
}

/** Reads an address's query. What is not sound is as if it were not there. */
export function parseView(query: string): View {
    const read = new URLSearchParams(query)
    const first = read.get('from')
    const last = read.get('to')
    const currency = read.get('currency')?.toUpperCase() ?? null
    const filters: View['filters'] = {}
    for (const dimension of dimensions) {
        const values = [...new Set(read.getAll(dimension))].filter((value) => value !== '')
        if (values.length) filters[dimension] = values
    }
    return {
        store: read.get('store') || null,
        range: isDay(first) && isDay(last) && first <= last ? { first, last } : oneOf(presets, read.get('range'), '30d'),
        compare: oneOf(comparisons, read.get('compare'), 'previous_period'),
        grain: oneOf(grains, read.get('grain'), 'auto'),
        filters,
        currency: currency && /^[A-Z]{3}$/.test(currency) ? currency : null,
        basis: oneOf(['refund', 'order'] as const, read.get('basis'), 'refund'),
    }
}

/** The query of a view: '' or '?...'. Defaults are left out; what belongs to the page is taken over from before. */
export function printView(view: View, before = ''): string {
    const query = new URLSearchParams()
    if (view.store !== null) query.set('store', view.store)
    if (typeof view.range === 'string') {
        if (view.range !== '30d') query.set('range', view.range)
    } else {
        query.set('from', view.range.first)
        query.set('to', view.range.last)
    }
    if (view.compare !== 'previous_period') query.set('compare', view.compare)
    if (view.grain !== 'auto') query.set('grain', view.grain)
    for (const dimension of dimensions) view.filters[dimension]?.forEach((value) => query.append(dimension, value))
    if (view.currency) query.set('currency', view.currency)
    if (view.basis !== 'refund') query.set('basis', view.basis)
    new URLSearchParams(before).forEach((value, name) => {
        if (!known.includes(name)) query.append(name, value)
    })
    const text = query.toString()
    return text && `?${text}`
}

/** The filters with a value added, or taken away where it was there. */
export function toggled(filters: View['filters'], dimension: Dimension, value: string): View['filters'] {
    const now = filters[dimension] ?? []
    const next = now.includes(value) ? now.filter((other) => other !== value) : [...now, value]
    const { [dimension]: _, ...rest } = filters
    return next.length ? { ...rest, [dimension]: next } : rest
}
