// What the API answers: docs/visualize.md, docs/reports.md, docs/functions.md.

export interface StoreProfile {
    store_id: string
    currency: string
    timezone: string
    week_start: string
    clock: 'now' | 'data'
    /** The store's present day, by its clock and in its zone. */
    today: string
    first_event_at: string | null
    last_event_at: string | null
}

/** A label of a bucket (day or wall time of the store), and its value; null where a ratio has nothing to divide by. */
export type Point = [string, number | null]

export interface Series {
    key: string | null
    points: Point[]
    previous: Point[] | null
    total: number | null
}

export interface Totals {
    value: number | null
    previous: number | null
    delta: number | null
    percent: number | null
}

interface Ranged {
    from: string
    to: string
    timezone: string | null
    currency: string
    compare: { from: string; to: string } | null
    as_of: string
    pending_rows: number
}

export interface Report extends Ranged {
    metric: string
    grain: string
    by: string | null
    basis: string
    series: Series[]
    totals: Totals
    truncated: boolean
}

export interface Card extends Totals {
    spark: Point[]
}

export type CardName = 'total_sales' | 'orders' | 'aov' | 'customers' | 'conversion' | 'returning_rate'

export interface TopItem {
    key: string | null
    name: string | null
    value: number | null
}

export interface Overview extends Ranged {
    cards: Record<CardName, Card>
    series: Series[]
    top: Record<'product' | 'channel' | 'country' | 'category', TopItem[]>
}

export interface ProductRow {
    product_id: string
    name: string | null
    category: string | null
    brand: string | null
    views: number
    add_to_carts: number
    orders: number
    units: number
    units_returned: number
    gross_sales: number
    discounts: number
    returns: number
    net_sales: number
    previous_net_sales: number | null
    spark: number[] | null
    currency: string
    total_rows: number
}
