// Segments from best to gone: how many customers, how much of the sales, and what to do with them. Picking one lists its customers.

import type { Answer } from '../api/use_api'
import { Figure, type Twin } from '../components/figure'
import { Empty } from '../components/states'
import { count, decimal, money, percent, roundMoney } from '../format/numbers'
import { useView } from '../state/context'
import { useParameter } from '../state/location'
import { bySegment, meaningOf, segmentName } from './customers_segments'

export interface SegmentRow {
    segment: string
    customers: number
    share: number | null
    orders: number
    net_sales: number
    avg_recency_days: number | null
    avg_monetary: number | null
}

interface Shown extends SegmentRow {
    ofSales: number | null
}

function shown(rows: SegmentRow[]): Shown[] {
    const sales = rows.reduce((sum, row) => sum + Math.max(0, row.net_sales), 0)
    return [...rows].sort((a, b) => bySegment(a.segment, b.segment)).map((row) => ({ ...row, ofSales: sales > 0 ? Math.max(0, row.net_sales) / sales : null }))
}

export function SegmentsFigure({ segments }: { segments: Answer<SegmentRow[]> }) {
    const { profile } = useView()
    const [chosen, choose] = useParameter('segment', '', ['page'])
    const currency = profile.currency
    return (
        <Figure
            title="Segments"
            note="By how lately, how often and for how much they bought, as of today. Pick one to list its customers."
            answer={segments}
            height={480}
            file="segments"
            empty={(data) => (data.every((row) => row.customers === 0) ? <Empty title="No known customer yet">Send a customer_id with events, and customers are sorted into segments here.</Empty> : null)}
            twin={(data): Twin<Shown> => ({
                columns: [
                    { key: 'segment', label: 'Segment', value: (row) => row.segment, show: (row) => segmentName(row.segment) },
                    { key: 'customers', label: 'Customers', numeric: true, value: (row) => row.customers, show: (row) => count(row.customers) },
                    { key: 'share', label: 'Of customers', numeric: true, value: (row) => row.share, show: (row) => percent(row.share) },
                    { key: 'net_sales', label: 'Net sales', numeric: true, value: (row) => row.net_sales, show: (row) => money(row.net_sales, currency) },
                    { key: 'share_of_sales', label: 'Of sales', numeric: true, value: (row) => row.ofSales, show: (row) => percent(row.ofSales) },
                    { key: 'orders', label: 'Orders', numeric: true, value: (row) => row.orders, show: (row) => count(row.orders) },
                    { key: 'avg_recency_days', label: 'Days since last order', numeric: true, value: (row) => row.avg_recency_days, show: (row) => decimal(row.avg_recency_days, 0) },
                    { key: 'avg_net_sales', label: 'Net sales each', numeric: true, value: (row) => row.avg_monetary, show: (row) => money(row.avg_monetary, currency) },
                ],
                rows: shown(data),
            })}
        >
            {(data) => {
                const all = shown(data)
                const most = Math.max(Number.EPSILON, ...all.flatMap((row) => [row.share ?? 0, row.ofSales ?? 0]))
                const width = (share: number | null) => ({ width: `${((share ?? 0) / most) * 100}%` })
                return (
                    <>
                        <div className="segments-head" aria-hidden="true">
                            <span>Segment</span>
                            <span className="segment-legend">
                                <span>
                                    <span className="swatch series-soft" /> of customers
                                </span>
                                <span>
                                    <span className="swatch series-0" /> of sales
                                </span>
                            </span>
                            <span className="numeric">Customers</span>
                            <span className="numeric">Net sales</span>
                            <span className="numeric">Last order</span>
                        </div>
                        <ul className="segments" aria-label="Segments">
                            {all.map((row) => {
                                const meaning = meaningOf(row.segment)
                                return (
                                    <li key={row.segment}>
                                        <button
                                            type="button"
                                            className="segment"
                                            aria-pressed={chosen === row.segment}
                                            disabled={row.customers === 0}
                                            onClick={() => choose(chosen === row.segment ? '' : row.segment)}
                                        >
                                            <span className="segment-name">
                                                {segmentName(row.segment)}
                                                {meaning && <small>{meaning.todo}</small>}
                                            </span>
                                            <span className="segment-bars">
                                                <span className="segment-bar">
                                                    <span className="segment-fill series-soft" style={width(row.share)} />
                                                    <span className="segment-share">
                                                        {percent(row.share)}
                                                        <span className="visually-hidden"> of customers,</span>
                                                    </span>
                                                </span>
                                                <span className="segment-bar">
                                                    <span className="segment-fill series-0" style={width(row.ofSales)} />
                                                    <span className="segment-share">
                                                        {percent(row.ofSales)}
                                                        <span className="visually-hidden"> of sales,</span>
                                                    </span>
                                                </span>
                                            </span>
                                            <span className="segment-figure">
                                                {count(row.customers)}
                                                <span className="segment-unit"> customers</span>
                                            </span>
                                            <span className="segment-figure">{roundMoney(row.net_sales, currency)}</span>
                                            <span className="segment-figure segment-last">{row.avg_recency_days === null ? '–' : `${decimal(row.avg_recency_days, 0)} days ago`}</span>
                                        </button>
                                    </li>
                                )
                            })}
                        </ul>
                    </>
                )
            }}
        </Figure>
    )
}
