// Overview: how the shop is doing, against before, and what of.

import { rpc } from '../api/client'
import type { CardName, Overview, Report, Series, TopItem } from '../api/types'
import { type Answer, useApi } from '../api/use_api'
import { BarList } from '../charts/bar_list'
import { LineChart } from '../charts/line_chart'
import { Sparkline } from '../charts/sparkline'
import type { Column } from '../components/data_table'
import { Delta } from '../components/delta'
import { Figure, type Twin } from '../components/figure'
import { AsOf } from '../components/as_of'
import { Empty, Failure } from '../components/states'
import { bucket, dayRange, tick } from '../format/dates'
import { metrics, short, shown, written } from '../format/metrics'
import { keyName, notSent } from '../format/names'
import { count, percent } from '../format/numbers'
import { useView } from '../state/context'
import { useParameter } from '../state/location'
import { addDays } from '../state/range'
import { type Dimension, dimensions, toggled } from '../state/view'

const cards: CardName[] = ['total_sales', 'orders', 'aov', 'customers', 'conversion', 'returning_rate']

export function OverviewPage() {
    const { scope, grain, view } = useView()
    const [metric, setMetric] = useParameter('metric', 'total_sales')
    const overview = useApi<Overview>(rpc('visualize', { ...scope, basis: view.basis, grain, limit: 8 }), { every: 60_000 })
    const chosen = cards.find((name) => name === metric) ?? 'total_sales'
    return (
        <>
            <Cards overview={overview} chosen={chosen} onChoose={setMetric} />
            <OverTime metric={chosen} />
            <div className="columns">
                <Top overview={overview} dimension="channel" title="Net sales by channel" />
                <Top overview={overview} dimension="category" title="Net sales by category" />
                <Top overview={overview} dimension="country" title="Net sales by country" />
                <TopProducts overview={overview} />
            </div>
            <AsOf report={overview.data} />
        </>
    )
}

function Cards({ overview, chosen, onChoose }: { overview: Answer<Overview>; chosen: CardName; onChoose: (name: string) => void }) {
    const { currency } = useView()
    if (overview.error && !overview.data) {
        return (
            <section className="panel" aria-label="Key figures">
                <Failure answer={overview} />
            </section>
        )
    }
    return (
        <section className={`cards${overview.stale && overview.loading ? ' is-renewing' : ''}`} aria-label="Key figures" aria-busy={overview.loading}>
            {cards.map((name) => {
                const { label, kind, meaning } = metrics[name]!
                const card = overview.data?.cards[name]
                // each session has an order where a shop sends nothing else: that tells nothing of how many visits become one
                const noVisits = name === 'conversion' && (card?.value ?? 0) >= 1
                return (
                    <button key={name} type="button" className="card" aria-pressed={chosen === name} title={`${meaning}. Click to chart it.`} onClick={() => onChoose(name)}>
                        <span className="card-label">{label}</span>
                        {card ? (
                            <>
                                <span className="card-value">
                                    {noVisits ? '–' : shown(kind, card.value, currency)}
                                    {name === 'returning_rate' && <span className="card-of"> of {count(overview.data?.cards.customers.value)}</span>}
                                </span>
                                <span className="card-foot">
                                    {noVisits ? (
                                        <span className="card-note">sent without visits</span>
                                    ) : overview.data?.compare ? (
                                        <Delta percent={card.percent} previous={shown(kind, card.previous, currency)} otherwise="nothing before" />
                                    ) : (
                                        <span />
                                    )}
                                    {card.spark.length > 1 && !noVisits && <Sparkline values={card.spark.map(([, value]) => value)} />}
                                </span>
                            </>
                        ) : (
                            <>
                                <span className="card-value waiting" />
                                <span className="card-foot" />
                            </>
                        )}
                    </button>
                )
            })}
        </section>
    )
}

function OverTime({ metric }: { metric: CardName }) {
    const { scope, view, grain, currency, profile, range, change } = useView()
    const [split, setSplit] = useParameter('split')
    const by = dimensions.find((name) => name === split) ?? null
    // split up, lines are compared with each other
    const report = useApi<Report>(rpc('visualize', { ...scope, compare: by ? 'none' : scope.compare, basis: view.basis, metric, grain, by, limit: by ? 5 : 1 }), { every: 60_000 })
    const { label, kind } = metrics[metric]!
    const nameOf = (one: Series) => (by ? keyName(by, one.key) : label)
    const zoom = (first: string, last: string) => {
        const until = grain === 'week' ? addDays(last, 6) : grain === 'month' ? addDays(addDays(last, 31).slice(0, 8) + '01', -1) : last
        change({ range: { first: first.slice(0, 10), last: (until < profile.today ? until : profile.today).slice(0, 10) }, grain: 'auto' })
    }
    return (
        <Figure
            title={`${label} over time`}
            note={report.data?.compare && `${dayRange(range.first, range.last)}, compared with ${dayRange(report.data.compare.from, addDays(report.data.compare.to.slice(0, 10), -1))}`}
            answer={report}
            height={284}
            file={`${metric}_${by ? `by_${by}_` : ''}${range.first}_${range.last}`}
            always={
                <label className="control small">
                    <span className="control-label">Split by</span>
                    <select value={by ?? ''} onChange={(event) => setSplit(event.target.value)}>
                        <option value="">nothing</option>
                        {dimensions.map((name) => (
                            <option key={name} value={name}>
                                {name}
                            </option>
                        ))}
                    </select>
                </label>
            }
            empty={(data) => (data.series.every((one) => one.points.every(([, value]) => !value) && (one.previous ?? []).every(([, value]) => !value)) ? <NoSales /> : null)}
            twin={(data): Twin<TimeRow> => ({
                columns: [
                    { key: 'from', label: { hour: 'Hour', day: 'Day', week: 'Week of', month: 'Month' }[grain], value: (row) => row.label, show: (row) => bucket(row.label, grain) },
                    ...data.series.map(
                        (one, place): Column<TimeRow> => ({
                            key: by ? nameOf(one) : metric,
                            label: nameOf(one),
                            numeric: true,
                            value: (row) => row.values[place],
                            show: (row) => written(kind, row.values[place], currency),
                        }),
                    ),
                    ...(data.compare
                        ? ([
                              { key: 'compared_from', label: 'Compared with', value: (row) => row.before, show: (row) => (row.before ? bucket(row.before, grain) : '–') },
                              { key: `${metric}_before`, label: 'Before', numeric: true, value: (row) => row.previous, show: (row) => written(kind, row.previous, currency) },
                          ] satisfies Column<TimeRow>[])
                        : []),
                ],
                rows: (data.series[0]?.points ?? []).map(([label], place) => ({
                    label,
                    values: data.series.map((one) => one.points[place]?.[1] ?? null),
                    before: data.series[0]?.previous?.[place]?.[0] ?? null,
                    previous: data.series[0]?.previous?.[place]?.[1] ?? null,
                })),
            })}
        >
            {(data) => (
                <LineChart
                    label={`${label} by ${data.grain}${by ? ` and ${by}` : ''}`}
                    lines={data.series.map((one) => ({ name: nameOf(one), points: one.points.map(toPoint), previous: one.previous?.map(toPoint) ?? null }))}
                    written={(value) => written(kind, value, currency)}
                    short={(value) => short(kind, value, currency)}
                    bucket={(at) => bucket(at, data.grain)}
                    tick={(at) => tick(at, data.grain)}
                    unfinished={range.last >= profile.today}
                    {...(grain === 'hour' ? {} : { onZoom: zoom })}
                />
            )}
        </Figure>
    )
}

interface TimeRow {
    label: string
    /** Of each series. */
    values: (number | null)[]
    before: string | null
    previous: number | null
}

const toPoint = ([label, value]: [string, number | null]) => ({ label, value })

export function NoSales() {
    const { view, change } = useView()
    const filtered = Object.keys(view.filters).length > 0
    return (
        <Empty title="Nothing in these days">
            {filtered && (
                <button type="button" className="button" onClick={() => change({ filters: {} })}>
                    Clear filters
                </button>
            )}{' '}
            {view.range !== 'all' && (
                <button type="button" className="button" onClick={() => change({ range: 'all' })}>
                    Show all time
                </button>
            )}
        </Empty>
    )
}

interface Ranked extends TopItem {
    share: number | null
}

function ranked(items: TopItem[], total: number | null | undefined): Ranked[] {
    return items.map((item) => ({ ...item, share: total && item.value !== null ? item.value / total : null }))
}

function Top({ overview, dimension, title }: { overview: Answer<Overview>; dimension: Dimension; title: string }) {
    const { view, currency, range, change } = useView()
    const chosen = view.filters[dimension] ?? []
    const total = (data: Overview) => data.top[dimension].reduce((sum, item) => sum + (item.value ?? 0), 0)
    const nameOf = (item: TopItem) => keyName(dimension, item.key ?? notSent)
    return (
        <Figure
            title={title}
            answer={overview}
            height={200}
            file={`net_sales_by_${dimension}_${range.first}_${range.last}`}
            empty={(data) =>
                data.top[dimension].length === 0 ? (
                    <Empty title="Nothing in these days" />
                ) : data.top[dimension].every((item) => (item.key ?? notSent) === notSent) ? (
                    <Empty title={`Events of these days name no ${dimension}`}>Send it with them, and sales are split by it here.</Empty>
                ) : null
            }
            twin={(data): Twin<Ranked> => ({
                columns: [
                    { key: dimension, label: title.replace('Net sales by ', ''), value: (row) => row.key, show: nameOf, heads: true },
                    { key: 'net_sales', label: 'Net sales', numeric: true, value: (row) => row.value, show: (row) => written('money', row.value, currency) },
                    { key: 'share', label: 'Share', numeric: true, value: (row) => row.share, show: (row) => percent(row.share) },
                ],
                rows: ranked(data.top[dimension], total(data)),
            })}
        >
            {(data) => (
                <BarList
                    label={title}
                    bars={ranked(data.top[dimension], total(data)).map((item) => ({
                        key: item.key ?? notSent,
                        name: nameOf(item),
                        value: item.value ?? 0,
                        beside: percent(item.share),
                        selected: chosen.includes(item.key ?? notSent),
                        fixed: item.key === '(other)',
                    }))}
                    written={(value) => shown('money', value, currency)}
                    picking={(bar) => (bar.selected ? `Remove filter: ${bar.name}` : `Filter by ${bar.name}`)}
                    onPick={(key) => change({ filters: toggled(view.filters, dimension, key) })}
                />
            )}
        </Figure>
    )
}

function TopProducts({ overview }: { overview: Answer<Overview> }) {
    const { currency, range } = useView()
    return (
        <Figure
            title="Top products by net sales"
            answer={overview}
            height={200}
            file={`top_products_${range.first}_${range.last}`}
            empty={(data) => (data.top.product.length === 0 ? <Empty title="Nothing in these days" /> : null)}
            twin={(data): Twin<TopItem> => ({
                columns: [
                    { key: 'product_id', label: 'Product', value: (row) => row.key },
                    { key: 'name', label: 'Name', value: (row) => row.name, heads: true },
                    { key: 'net_sales', label: 'Net sales', numeric: true, value: (row) => row.value, show: (row) => written('money', row.value, currency) },
                ],
                rows: data.top.product,
            })}
        >
            {(data) => (
                <BarList
                    label="Top products by net sales"
                    bars={data.top.product.map((item) => ({ key: item.key ?? notSent, name: item.name ?? item.key ?? 'Other', value: item.value ?? 0, fixed: true }))}
                    written={(value) => shown('money', value, currency)}
                />
            )}
        </Figure>
    )
}
