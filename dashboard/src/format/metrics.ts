// How each metric is called and written.

import { change, count, money, percent, roundMoney, shortCount, shortMoney } from './numbers'

export type Kind = 'money' | 'count' | 'share'

export interface Metric {
    name: string
    label: string
    kind: Kind
    /** In a sentence, for who wonders. */
    meaning: string
}

export const metrics: Record<string, Metric> = Object.fromEntries(
    (
        [
            ['total_sales', 'Total sales', 'money', 'Net sales, shipping and taxes'],
            ['net_sales', 'Net sales', 'money', 'Gross sales less discounts and returns'],
            ['gross_sales', 'Gross sales', 'money', 'Price times quantity, before discounts and returns'],
            ['orders', 'Orders', 'count', 'Orders placed'],
            ['aov', 'Average order value', 'money', 'Gross sales less discounts, by orders'],
            ['customers', 'Customers', 'count', 'Distinct customers who bought; orders without a customer are nobody’s'],
            ['conversion', 'Conversion', 'share', 'Orders by sessions'],
            ['returning_rate', 'Returning customers', 'share', 'Of the customers who bought in these days (in the chart: in a point’s), those whose first order of all was before them'],
            ['units', 'Units', 'count', 'Units sold'],
            ['sessions', 'Sessions', 'count', 'Visits'],
        ] as const
    ).map(([name, label, kind, meaning]) => [name, { name, label, kind, meaning }]),
)

/** In full, for tables and what is read aloud. */
export function written(kind: Kind, value: number | null | undefined, currency: string): string {
    return kind === 'money' ? money(value, currency) : kind === 'share' ? percent(value, 2) : count(value)
}

/** For figures that stand alone. */
export function shown(kind: Kind, value: number | null | undefined, currency: string): string {
    return kind === 'money' ? roundMoney(value, currency) : kind === 'share' ? percent(value) : count(value)
}

/** For axes. */
export function short(kind: Kind, value: number | null | undefined, currency: string): string {
    return kind === 'money' ? shortMoney(value, currency) : kind === 'share' ? percent(value, (value ?? 0) < 0.02 && value ? 1 : 0) : shortCount(value)
}

export { change }
