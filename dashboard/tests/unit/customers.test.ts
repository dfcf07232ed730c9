import { describe, expect, test } from 'vitest'
import { heatStep } from '../../src/charts/heat'
import { type CohortRow, cohortGrid } from '../../src/pages/customers_cohorts'
import { contains, customerPath, orderOf } from '../../src/pages/customers_list'
import { arrivals, bySegment, directionOf, meaningOf, type Move, movesOf, segmentName } from '../../src/pages/customers_segments'

describe('segments', () => {
    test('the best come first, those of a shop’s own rules last', () => {
        expect(['vip', 'dormant', 'champions', arrivals, 'at_risk', 'big'].sort(bySegment)).toEqual([arrivals, 'champions', 'at_risk', 'dormant', 'big', 'vip'])
    })

    test('each known one has a way to deal with it', () => {
        for (const name of ['champions', 'loyal', 'active', 'new', 'promising', 'needs_attention', 'almost_lost', 'previously_loyal', 'at_risk', 'dormant', 'prospects']) expect(meaningOf(name)?.todo).toBeTruthy()
        expect(meaningOf('vip')).toBeNull()
        expect(segmentName('needs_attention')).toBe('Needs attention')
    })

    test('up, down, stayed, arrived; own segments are neither above nor below', () => {
        expect(directionOf('at_risk', 'loyal')).toBe('up')
        expect(directionOf('loyal', 'previously_loyal')).toBe('down')
        expect(directionOf('loyal', 'loyal')).toBe('stayed')
        expect(directionOf(arrivals, 'champions')).toBe('arrived')
        expect(directionOf('vip', 'loyal')).toBe('other')
    })

    // the example of docs/segments.md
    const rows: Move[] = (
        [
            [arrivals, 'active', 1, 25],
            [arrivals, 'needs_attention', 1, 30],
            [arrivals, 'new', 1, 20],
            [arrivals, 'prospects', 1, 0],
            ['active', 'loyal', 1, 150],
            ['dormant', 'at_risk', 1, 60],
            ['dormant', 'dormant', 1, 15],
            ['loyal', 'champions', 1, 600],
            ['needs_attention', 'at_risk', 1, 90],
            ['needs_attention', 'loyal', 1, 300],
            ['previously_loyal', 'previously_loyal', 1, 500],
        ] as const
    ).map(([from_segment, to_segment, customers, net_sales]) => ({ from_segment, to_segment, customers, net_sales }))

    test('who moved is counted by where to', () => {
        const moves = movesOf(rows)
        expect(moves.counts).toEqual({ up: 4, down: 1, stayed: 2, arrived: 4, other: 0 })
        expect(moves.from).toEqual([arrivals, 'loyal', 'active', 'needs_attention', 'previously_loyal', 'dormant'])
        expect(moves.to).toEqual(['champions', 'loyal', 'active', 'new', 'needs_attention', 'previously_loyal', 'at_risk', 'dormant', 'prospects'])
        expect(moves.cell('needs_attention', 'loyal')?.net_sales).toBe(300)
        expect(moves.cell('loyal', 'dormant')).toBeUndefined()
    })

    test('those who stayed do not drown the others’ shades', () => {
        expect(movesOf([...rows, { from_segment: 'loyal', to_segment: 'loyal', customers: 900, net_sales: 1 }]).most).toBe(1)
    })
})

describe('cohorts', () => {
    const row = (cohort_month: string, months_since: number, cohort_size: number, customers: number, cumulative_net_sales: number): CohortRow => ({
        cohort_month,
        months_since,
        cohort_size,
        customers,
        retention: customers / cohort_size,
        net_sales: 0,
        cumulative_net_sales,
    })
    const rows = [
        row('2026-01-01', 0, 10, 10, 500),
        row('2026-01-01', 1, 10, 4, 700),
        row('2026-01-01', 2, 10, 2, 800),
        row('2026-02-01', 0, 30, 30, 900),
        row('2026-02-01', 1, 30, 3, 1200),
        row('2026-03-01', 0, 5, 5, 100),
    ]

    test('shares of the cohort, a row for each month', () => {
        const grid = cohortGrid(rows, 'customers', '2026-03-15')
        expect(grid.cohorts.map((cohort) => [cohort.month, cohort.size])).toEqual([
            ['2026-01-01', 10],
            ['2026-02-01', 30],
            ['2026-03-01', 5],
        ])
        expect(grid.cohorts.map((cohort) => cohort.cells.map((cell) => cell?.value ?? null))).toEqual([
            [1, 0.4, 0.2],
            [1, 0.1, null],
            [1, null, null],
        ])
        // the first month is always all of them: it tells nothing of colours
        expect(grid.most).toBe(0.4)
    })

    test('the month that is not over is marked, and left out of the average', () => {
        const grid = cohortGrid(rows, 'customers', '2026-03-15')
        expect(grid.cohorts.map((cohort) => cohort.cells.map((cell) => cell?.unfinished ?? null))).toEqual([
            [false, false, true],
            [false, true, null],
            [true, null, null],
        ])
        expect(grid.average).toEqual([1, 0.4, null])
        // weighed by customers: (4 + 3) / 40
        expect(cohortGrid(rows, 'customers', '2026-05-01').average[1]).toBe(7 / 40)
    })

    test('money for each customer of the cohort, so far', () => {
        const grid = cohortGrid(rows, 'money', '2026-03-15')
        expect(grid.cohorts[0]?.cells.map((cell) => cell?.value)).toEqual([50, 70, 80])
        expect(grid.most).toBe(80)
    })

    test('the latest ones, where there are many', () => {
        expect(cohortGrid(rows, 'customers', '2026-03-15', 2).cohorts.map((cohort) => cohort.month)).toEqual(['2026-02-01', '2026-03-01'])
    })

    test('none', () => {
        expect(cohortGrid([], 'customers', '2026-03-15')).toMatchObject({ cohorts: [], most: 0 })
    })
})

test('shades: nothing has none, the most has the last', () => {
    expect([0, null, -1, 0.01, 0.5, 1, 2].map((value) => heatStep(value, 1))).toEqual([0, 0, 0, 1, 4, 6, 6])
    expect(heatStep(1, 0)).toBe(0)
})

describe('the list', () => {
    test('what is typed means itself', () => {
        expect(contains('50%_off\\')).toBe('ilike.*50\\%\\_off\\\\*')
    })

    test('sorts are columns, whatever the address says', () => {
        expect(orderOf('frequency')).toBe('frequency.desc.nullslast,customer_id')
        expect(orderOf('-recency_days')).toBe('recency_days.asc.nullslast,customer_id')
        expect(orderOf('-customer_id')).toBe('customer_id.asc.nullslast')
        expect(orderOf('drop table')).toBe('monetary.desc.nullslast,customer_id')
    })

    test('a customer’s address takes any id', () => {
        expect(customerPath('a/b c?d')).toBe('/customers/a%2Fb%20c%3Fd')
    })
})
