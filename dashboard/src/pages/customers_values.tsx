// How customers spread over what they have brought so far.

import { rpc } from '../api/client'
import { useApi } from '../api/use_api'
import { ColumnChart } from '../charts/column_chart'
import { Figure, type Twin } from '../components/figure'
import { Empty } from '../components/states'
import { count, money, percent, roundMoney, shortCount, shortMoney } from '../format/numbers'
import { useView } from '../state/context'

export interface ValueBucket {
    lower: number | null
    upper: number | null
    customers: number
    net_sales: number
}

export function ValuesFigure() {
    const { scope, profile } = useView()
    const values = useApi<ValueBucket[]>(rpc('value_distribution', { store: scope.store, buckets: 20 }))
    const currency = profile.currency
    const named = (bucket: ValueBucket | undefined) => {
        if (!bucket) return ''
        if (bucket.lower === null) return `Less than ${shortMoney(bucket.upper, currency)}`
        return bucket.upper === null ? `${shortMoney(bucket.lower, currency)} and more` : `${shortMoney(bucket.lower, currency)} to ${shortMoney(bucket.upper, currency)}`
    }
    return (
        <Figure
            title="What customers are worth"
            note="Customers by their net sales so far."
            answer={values}
            height={260}
            file="value_distribution"
            empty={(data) => (data.length === 0 ? <Empty title="Nobody has bought yet" /> : null)}
            twin={(data): Twin<ValueBucket> => ({
                columns: [
                    { key: 'lower', label: 'From', numeric: true, value: (row) => row.lower, show: (row) => money(row.lower, currency) },
                    { key: 'upper', label: 'Below', numeric: true, value: (row) => row.upper, show: (row) => money(row.upper, currency) },
                    { key: 'customers', label: 'Customers', numeric: true, value: (row) => row.customers, show: (row) => count(row.customers) },
                    { key: 'net_sales', label: 'Net sales', numeric: true, value: (row) => row.net_sales, show: (row) => money(row.net_sales, currency) },
                ],
                rows: data,
            })}
        >
            {(data) => {
                const sales = data.reduce((sum, bucket) => sum + Math.max(0, bucket.net_sales), 0)
                const top = data.at(-1)
                const origin = data.findIndex((bucket) => bucket.lower === 0)
                const share = top && top.upper === null && sales > 0 ? top.net_sales / sales : null
                return (
                    <>
                        <ColumnChart
                            label="Customers by net sales"
                            parts={[{ name: 'Customers', tone: 'series-0' }]}
                            columns={data.map((bucket, place) => ({ key: String(place), values: [bucket.customers] }))}
                            written={count}
                            short={shortCount}
                            named={(place) => named(data[place])}
                            tick={(place) => shortMoney(data[place]?.lower, currency)}
                            ticks={data.flatMap((bucket, place) => (bucket.lower !== null && (place - origin) % 4 === 0 ? [place] : []))}
                            beside={(place) => [['Net sales', roundMoney(data[place]?.net_sales, currency)]]}
                        />
                        {top && share !== null && (
                            <p className="note figure-note">
                                The {count(top.customers)} who brought {shortMoney(top.lower, currency)} and more made {percent(share, 0)} of sales.
                            </p>
                        )}
                    </>
                )
            }}
        </Figure>
    )
}
