// What the models say: products that gain, and what a customer would buy next, with the reason.

import { type FormEvent, useEffect, useState } from 'react'
import { rows, rpc } from '../api/client'
import { useApi } from '../api/use_api'
import { TablePanel, type Twin } from '../components/figure'
import { Link } from '../components/link'
import { Panel } from '../components/panel'
import { Empty, Failure } from '../components/states'
import { count, decimal, roundMoney } from '../format/numbers'
import { usePageLink, useView } from '../state/context'
import { useParameter } from '../state/location'
import { useProductNames } from './products_names'

interface Trending {
    rank: number
    product_id: string
    score: number
    units: number
    previous_units: number
}

export function TrendingPanel() {
    const { scope } = useView()
    const pageLink = usePageLink()
    const trending = useApi<Trending[]>(rpc('trending_products', { n: 10, store: scope.store }))
    const names = useProductNames(trending.data?.map((row) => row.product_id) ?? [])
    if (trending.error?.isAbsent) return null
    return (
        <TablePanel
            title="Trending"
            note="Units of the last seven days against the seven before."
            answer={trending}
            file="trending_products"
            empty={(data) => (data.length === 0 ? <Empty title="Nothing gains at the moment" /> : null)}
            rowKey={(row: Trending) => row.product_id}
            twin={(data): Twin<Trending> => ({
                columns: [
                    { key: 'product_id', label: 'Id', value: (row) => row.product_id, hidden: true },
                    { key: 'name', label: 'Product', heads: true, value: (row) => names.get(row.product_id), show: (row) => <Link href={pageLink('/products', { product: row.product_id })}>{names.get(row.product_id) ?? row.product_id}</Link> },
                    { key: 'units', label: 'Units', numeric: true, value: (row) => row.units, show: (row) => count(row.units) },
                    { key: 'previous_units', label: 'Before', numeric: true, value: (row) => row.previous_units, show: (row) => count(row.previous_units) },
                ],
                rows: data,
            })}
        />
    )
}

interface Recommendation {
    rank: number
    product_id: string
    score: number
    source: string
    reason: { because?: string; measure?: string; value?: number } | null
}

interface Known {
    customer_id: string
    net_sales: number
}

export function RecommendedPanel() {
    const { scope, profile } = useView()
    const [customer, setCustomer] = useParameter('customer')
    const [typed, setTyped] = useState(customer)
    useEffect(() => setTyped(customer), [customer])
    const best = useApi<Known[]>(rows('customer', { select: 'customer_id,net_sales', store_id: `eq.${scope.store}`, order: 'net_sales.desc.nullslast,customer_id', limit: 5 }))
    const pick = (event: FormEvent) => {
        event.preventDefault()
        setCustomer(typed.trim())
    }
    return (
        <Panel title="Recommended for a customer" note="What someone would buy next, and why." answer={best} empty={(data) => (data.length === 0 ? <Empty title="No known customer yet" /> : null)}>
            {(data) => (
                <>
                    <form className="pick" onSubmit={pick} role="search" aria-label="Customer">
                        <input type="text" aria-label="Customer id" placeholder="Customer id" value={typed} onChange={(event) => setTyped(event.target.value)} list="best-customers" />
                        <datalist id="best-customers">
                            {data.map((one) => (
                                <option key={one.customer_id} value={one.customer_id}>
                                    {roundMoney(one.net_sales, profile.currency)}
                                </option>
                            ))}
                        </datalist>
                        <button type="submit" className="button primary">
                            Recommend
                        </button>
                    </form>
                    {customer ? (
                        <Recommendations customer={customer} />
                    ) : (
                        <p className="note">
                            The best so far:{' '}
                            {data.map((one, place) => (
                                <span key={one.customer_id}>
                                    {place > 0 && ', '}
                                    <button type="button" className="link" onClick={() => setCustomer(one.customer_id)}>
                                        {one.customer_id}
                                    </button>
                                </span>
                            ))}
                        </p>
                    )}
                </>
            )}
        </Panel>
    )
}

export function Recommendations({ customer }: { customer: string }) {
    const { scope } = useView()
    const pageLink = usePageLink()
    const found = useApi<Recommendation[]>(rpc('recommend', { customer, n: 8, store: scope.store }))
    const names = useProductNames(found.data?.flatMap((row) => [row.product_id, ...(row.reason?.because ? [row.reason.because] : [])]) ?? [])
    if (found.error?.isAbsent) return <Empty title="Not trained yet">An administrator trains recommendations with fit_recommender().</Empty>
    if (found.error) return <Failure answer={found} />
    if (!found.data) return <p className="note">Loading</p>
    if (found.data.length === 0) return <Empty title={`Nothing to recommend to ${customer}`} />
    return (
        <ol className="reasons" aria-label={`Recommended for ${customer}`}>
            {found.data.map((row) => (
                <li key={row.product_id}>
                    <span className="rank">{row.rank}</span>
                    <Link href={pageLink('/products', { product: row.product_id })}>{names.get(row.product_id) ?? row.product_id}</Link>
                    <span className="reason">{reasonOf(row, (product) => names.get(product) ?? product)}</span>
                </li>
            ))}
        </ol>
    )
}

const sources: Record<string, string> = {
    factors: 'fits what this customer buys',
    fold_in: 'fits what this customer did lately',
    item_item: 'goes with what this customer bought',
    trending: 'is gaining at the moment',
    popular: 'many buy it',
}

function reasonOf(row: Recommendation, nameOf: (product: string) => string): string {
    const source = sources[row.source] ?? row.source
    const { because, measure, value } = row.reason ?? {}
    if (!because) return source
    return `${source}, because of ${nameOf(because)}${measure && typeof value === 'number' ? ` (${measure.replaceAll('_', ' ')} ${decimal(value)})` : ''}`
}
