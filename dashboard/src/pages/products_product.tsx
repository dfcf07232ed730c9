// One product: its figures, its sales over time, where they come from, and what is bought with it.

import { rows, rpc } from '../api/client'
import type { ProductRow, Report } from '../api/types'
import { useApi } from '../api/use_api'
import { BarList } from '../charts/bar_list'
import { LineChart } from '../charts/line_chart'
import { Delta } from '../components/delta'
import { Figure, type Twin } from '../components/figure'
import { Icon } from '../components/icons'
import { Link } from '../components/link'
import { Empty } from '../components/states'
import { bucket, tick } from '../format/dates'
import { short, written } from '../format/metrics'
import { keyName, notSent } from '../format/names'
import { count, decimal, percent, roundMoney } from '../format/numbers'
import { usePageLink, useView } from '../state/context'
import { navigate } from '../state/location'
import { changeOf } from './products'
import { useProductNames } from './products_names'

export function ProductPage({ product }: { product: string }) {
    const { scope, currency } = useView()
    const pageLink = usePageLink()
    const filters = { ...scope.filters, product: [product] }
    const found = useApi<ProductRow[]>(rpc('product_report', { ...scope, filters, limit: 1 }))
    const names = useProductNames([product])
    const row = found.data?.[0]
    const name = row?.name ?? names.get(product) ?? product
    return (
        <>
            <div className="subject">
                <Link className="way-back" href={pageLink('/products')}>
                    <Icon name="back" /> All products
                </Link>
                <h2>{name}</h2>
                <p className="note">{[product, row?.category, row?.brand].filter(Boolean).join(' · ')}</p>
            </div>
            {row && (
                <section className="cards five" aria-label="Key figures">
                    <Card label="Net sales" value={roundMoney(row.net_sales, currency)}>
                        {row.previous_net_sales !== null && <Delta percent={changeOf(row.net_sales, row.previous_net_sales)} previous={roundMoney(row.previous_net_sales, currency)} />}
                    </Card>
                    <Card label="Orders with it" value={count(row.orders)} />
                    <Card label="Units" value={count(row.units)}>
                        <span className="note">{count(row.units_returned)} returned</span>
                    </Card>
                    <Card label="Views" value={row.views ? count(row.views) : '–'} />
                    <Card label="Put into carts" value={row.add_to_carts ? count(row.add_to_carts) : '–'}>
                        {row.views > 0 && <span className="note">{percent(row.add_to_carts / row.views)} of views</span>}
                    </Card>
                </section>
            )}
            <OverTime filters={filters} />
            <div className="columns">
                <BoughtTogether product={product} />
                <ByCountry filters={filters} />
            </div>
        </>
    )
}

function Card({ label, value, children }: { label: string; value: string; children?: React.ReactNode }) {
    return (
        <div className="card">
            <span className="card-label">{label}</span>
            <span className="card-value">{value}</span>
            {children}
        </div>
    )
}

type Filters = Record<string, string[] | undefined>

interface TimeRow {
    label: string
    value: number | null
    previous: number | null
}

function OverTime({ filters }: { filters: Filters }) {
    const { scope, view, grain, currency, range, profile } = useView()
    const report = useApi<Report>(rpc('visualize', { ...scope, filters, basis: view.basis, metric: 'net_sales', grain, limit: 1 }))
    return (
        <Figure
            title="Net sales over time"
            answer={report}
            height={260}
            file={`product_net_sales_${range.first}_${range.last}`}
            empty={(data) => (data.series.every((one) => [...one.points, ...(one.previous ?? [])].every(([, value]) => !value)) ? <Empty title="Not sold in these days" /> : null)}
            twin={(data): Twin<TimeRow> => ({
                columns: [
                    { key: 'from', label: 'From', value: (row) => row.label, show: (row) => bucket(row.label, grain) },
                    { key: 'net_sales', label: 'Net sales', numeric: true, value: (row) => row.value, show: (row) => written('money', row.value, currency) },
                    { key: 'before', label: 'Before', numeric: true, value: (row) => row.previous, show: (row) => written('money', row.previous, currency) },
                ],
                rows: (data.series[0]?.points ?? []).map(([label, value], place) => ({ label, value, previous: data.series[0]?.previous?.[place]?.[1] ?? null })),
            })}
        >
            {(data) => (
                <LineChart
                    label={`Net sales by ${grain}`}
                    height={220}
                    lines={data.series.map((one) => ({
                        name: 'Net sales',
                        points: one.points.map(([label, value]) => ({ label, value })),
                        previous: one.previous?.map(([label, value]) => ({ label, value })) ?? null,
                    }))}
                    written={(value) => written('money', value, currency)}
                    short={(value) => short('money', value, currency)}
                    bucket={(at) => bucket(at, grain)}
                    tick={(at) => tick(at, grain)}
                    unfinished={range.last >= profile.today}
                />
            )}
        </Figure>
    )
}

interface Pair {
    product_b: string
    baskets: number
    confidence: number
    lift: number
}

function BoughtTogether({ product }: { product: string }) {
    const { scope } = useView()
    const pageLink = usePageLink()
    const pairs = useApi<Pair[]>(
        rows('product_affinity', { select: 'product_b,baskets,confidence,lift', store_id: `eq.${scope.store}`, product_a: `eq.${product}`, order: 'llr.desc.nullslast,product_b', limit: 10 }),
    )
    const names = useProductNames(pairs.data?.map((pair) => pair.product_b) ?? [])
    const nameOf = (pair: Pair) => names.get(pair.product_b) ?? pair.product_b
    return (
        <Figure
            title="Bought together"
            note="How many of its baskets had the other one, too, and how many times as many as by chance."
            answer={pairs}
            file={`bought_with_${product}`}
            empty={(data) => (data.length === 0 ? <Empty title="Nothing was bought with it often enough" /> : null)}
            twin={(data): Twin<Pair> => ({
                columns: [
                    { key: 'product_id', label: 'Id', value: (row) => row.product_b },
                    { key: 'name', label: 'Product', heads: true, value: nameOf },
                    { key: 'baskets', label: 'Baskets', numeric: true, value: (row) => row.baskets, show: (row) => count(row.baskets) },
                    { key: 'confidence', label: 'Of its baskets', numeric: true, value: (row) => row.confidence, show: (row) => percent(row.confidence) },
                    { key: 'lift', label: 'Lift', numeric: true, value: (row) => row.lift, show: (row) => decimal(row.lift, 1) },
                ],
                rows: data,
            })}
        >
            {(data) => (
                <BarList
                    label="Bought together"
                    bars={data.map((pair) => ({ key: pair.product_b, name: nameOf(pair), value: pair.confidence, beside: `${decimal(pair.lift, 1)}×` }))}
                    written={(value) => percent(value)}
                    picking={(bar) => `Show ${bar.name}`}
                    onPick={(key) => {
                        navigate(pageLink('/products', { product: key }))
                        scrollTo(0, 0)
                    }}
                />
            )}
        </Figure>
    )
}

interface Country {
    key: string
    value: number
}

function ByCountry({ filters }: { filters: Filters }) {
    const { scope, view, currency, range } = useView()
    const report = useApi<Report>(rpc('visualize', { ...scope, filters, basis: view.basis, compare: 'none', metric: 'net_sales', by: 'country', grain: 'total', limit: 10 }))
    const countries = (data: Report): Country[] => data.series.map((one) => ({ key: one.key ?? notSent, value: one.total ?? 0 }))
    return (
        <Figure
            title="Net sales by country"
            answer={report}
            file={`product_by_country_${range.first}_${range.last}`}
            empty={(data) => (data.series.length === 0 ? <Empty title="Not sold in these days" /> : null)}
            twin={(data): Twin<Country> => ({
                columns: [
                    { key: 'country', label: 'Country', value: (row) => row.key, show: (row) => keyName('country', row.key) },
                    { key: 'net_sales', label: 'Net sales', numeric: true, value: (row) => row.value, show: (row) => written('money', row.value, currency) },
                ],
                rows: countries(data),
            })}
        >
            {(data) => (
                <BarList
                    label="Net sales by country"
                    bars={countries(data).map((one) => ({ ...one, name: keyName('country', one.key), fixed: true }))}
                    written={(value) => roundMoney(value, currency)}
                />
            )}
        </Figure>
    )
}
