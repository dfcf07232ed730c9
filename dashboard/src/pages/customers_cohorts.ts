// Cohorts as a grid: a row for the customers of each month, a column for each month since.

export interface CohortRow {
    cohort_month: string
    months_since: number
    cohort_size: number
    customers: number
    retention: number
    net_sales: number
    cumulative_net_sales: number
}

export type CohortMeasure = 'customers' | 'money'

export interface CohortCell {
    /** A share of the cohort, or money for each of its customers; null: not reached yet. */
    value: number
    customers: number
    /** The month is not over. */
    unfinished: boolean
}

export interface Cohort {
    month: string
    size: number
    cells: (CohortCell | null)[]
}

export interface CohortGrid {
    cohorts: Cohort[]
    months: number
    /** The greatest value that colours tell apart: of customers without the first month, which is always all of them. */
    most: number
    /** By months since: what it is for all cohorts together that got so far, in whole months. */
    average: (number | null)[]
}

function monthsBetween(from: string, to: string): number {
    const months = (day: string) => Number(day.slice(0, 4)) * 12 + Number(day.slice(5, 7))
    return months(to) - months(from)
}

/** today: the store's. latest: at most so many cohorts, and so many months of each. */
export function cohortGrid(rows: CohortRow[], measure: CohortMeasure, today: string, latest = 24): CohortGrid {
    const byMonth = new Map<string, CohortRow[]>()
    for (const row of rows) byMonth.set(row.cohort_month, [...(byMonth.get(row.cohort_month) ?? []), row])
    const shown = [...byMonth].sort(([a], [b]) => a.localeCompare(b)).slice(-latest)
    const months = Math.min(latest, 1 + Math.max(0, ...shown.flatMap(([, some]) => some.map((row) => row.months_since))))
    const cohorts = shown.map(([month, some]): Cohort => {
        const at = new Map(some.map((row) => [row.months_since, row]))
        const size = some[0]?.cohort_size ?? 0
        const cells = Array.from({ length: months }, (_, since): CohortCell | null => {
            const row = at.get(since)
            if (!row || size === 0) return null
            return {
                value: measure === 'customers' ? row.customers / size : row.cumulative_net_sales / size,
                customers: row.customers,
                unfinished: monthsBetween(month, today) <= since,
            }
        })
        return { month, size, cells }
    })
    const average = Array.from({ length: months }, (_, since) => {
        let sum = 0
        let people = 0
        for (const { cells, size } of cohorts) {
            const cell = cells[since]
            if (!cell || cell.unfinished) continue
            sum += cell.value * size
            people += size
        }
        return people > 0 ? sum / people : null
    })
    const coloured = cohorts.flatMap(({ cells }) => cells.slice(measure === 'customers' ? 1 : 0)).map((cell) => cell?.value ?? 0)
    return { cohorts, months, most: Math.max(0, ...coloured), average }
}
