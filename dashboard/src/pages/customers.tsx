// Customers: who they are, who moves where, whether they come back, what they are worth; and one of them.

import { rows } from '../api/client'
import { type Answer, useApi } from '../api/use_api'
import { count, percent, roundMoney } from '../format/numbers'
import { useView } from '../state/context'
import { dimensions } from '../state/view'
import { CohortsFigure } from './customers_cohorts_figure'
import { CustomerPage } from './customers_customer'
import { CustomerList } from './customers_list'
import { GroupsPanel } from './customers_groups'
import { MovementFigure } from './customers_movement'
import { slipping } from './customers_segments'
import { SegmentsFigure, type SegmentRow } from './customers_segments_figure'
import { ValuesFigure } from './customers_values'

export function CustomersPage({ customer }: { customer: string | null }) {
    return customer === null ? <AllCustomers /> : <CustomerPage customer={customer} />
}

function AllCustomers() {
    const { scope, view } = useView()
    const segments = useApi<SegmentRow[]>(
        rows('segment_summary', { select: 'segment,customers,share,orders,net_sales,avg_recency_days,avg_monetary', store_id: `eq.${scope.store}` }),
        { every: 300_000 },
    )
    const ignored = dimensions.filter((name) => view.filters[name])
    return (
        <>
            {ignored.length > 0 && <p className="stale">A customer is one person with all orders: the filter by {ignored.join(' and ')} does not hold here.</p>}
            <Figures segments={segments} />
            <SegmentsFigure segments={segments} />
            <MovementFigure />
            <CohortsFigure />
            <div className="columns">
                <ValuesFigure />
                <GroupsPanel />
            </div>
            <CustomerList />
        </>
    )
}

function Figures({ segments }: { segments: Answer<SegmentRow[]> }) {
    const { profile } = useView()
    const { data } = segments
    if (segments.error && !data) return null
    const sum = (some: SegmentRow[], value: (row: SegmentRow) => number) => some.reduce((total, row) => total + value(row), 0)
    const all = data ?? []
    const buyers = all.filter((row) => row.segment !== 'prospects')
    const people = sum(buyers, (row) => row.customers)
    const sales = sum(all, (row) => row.net_sales)
    const best = buyers.filter((row) => row.segment === 'champions' || row.segment === 'loyal')
    const going = buyers.filter((row) => slipping.includes(row.segment))
    const share = (some: SegmentRow[]) => (sales > 0 ? sum(some, (row) => row.net_sales) / sales : null)
    const figures: [string, string, string][] = [
        ['Customers who bought', count(people), `${count(sum(all, (row) => row.customers) - people)} more are known, without orders`],
        ['Net sales per customer', roundMoney(people > 0 ? sales / people : null, profile.currency), `in ${people > 0 ? (sum(buyers, (row) => row.orders) / people).toLocaleString(navigator.languages as string[], { maximumFractionDigits: 1 }) : '–'} orders`],
        ['Sales by the best', percent(share(best), 0), `from ${count(sum(best, (row) => row.customers))} champions and loyal customers`],
        ['Slipping away', count(sum(going, (row) => row.customers)), `who brought ${percent(share(going), 0)} of sales so far`],
    ]
    return (
        <section className={`cards four${segments.stale && segments.loading ? ' is-renewing' : ''}`} aria-label="Key figures" aria-busy={segments.loading}>
            {figures.map(([name, value, note]) => (
                <div className="card" key={name}>
                    <span className="card-label">{name}</span>
                    {data ? (
                        <>
                            <span className="card-value">{people > 0 ? value : '–'}</span>
                            <span className="note">{people > 0 ? note : ' '}</span>
                        </>
                    ) : (
                        <span className="card-value waiting" />
                    )}
                </div>
            ))}
        </section>
    )
}
