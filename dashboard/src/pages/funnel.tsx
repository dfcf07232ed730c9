// Funnel: how far visits get, where they stop, and what is left in carts.

import { rollups, sum } from 'd3-array'
import { rows } from '../api/client'
import { type Answer, useApi } from '../api/use_api'
import { BarList } from '../charts/bar_list'
import { FunnelSteps, type Step } from '../charts/funnel_steps'
import { LineChart } from '../charts/line_chart'
import { Sparkline } from '../charts/sparkline'
import { Delta } from '../components/delta'
import { Figure, TablePanel, type Twin } from '../components/figure'
import { Empty } from '../components/states'
import { bucket, tick } from '../format/dates'
import { keyName, notSent, sentence } from '../format/names'
import { count, money, percent, roundMoney } from '../format/numbers'
import { useView } from '../state/context'
import { bucketOf, bucketsOf, comparedRange } from '../state/range'
import { toggled } from '../state/view'
import { NoSales } from './overview'

interface FunnelRow {
    bucket: string
    channel: string | null
    device: string | null
    currency: string
    sessions: number
    view_item: number
    add_to_cart: number
    begin_checkout: number
    purchase: number
    value_lost: number
}

const steps = [
    ['sessions', 'Sessions'],
    ['view_item', 'Viewed a product'],
    ['add_to_cart', 'Added to cart'],
    ['begin_checkout', 'Began checkout'],
    ['purchase', 'Bought'],
] as const

type Counts = Record<(typeof steps)[number][0], number>

const countsOf = (some: FunnelRow[]): Counts => Object.fromEntries(steps.map(([name]) => [name, sum(some, (row) => row[name])])) as unknown as Counts
const conversionOf = (some: FunnelRow[]) => {
    const visits = sum(some, (row) => row.sessions)
    return visits > 0 ? sum(some, (row) => row.purchase) / visits : null
}
const changeOf = (now: number | null, before: number | null) => (now === null || !before ? null : ((now - before) / before) * 100)

/** Rows of the range and of what it is compared with. */
interface Periods {
    now: FunnelRow[]
    before: FunnelRow[] | null
}

function useFunnel(): Answer<Periods> {
    const { scope, view, range } = useView()
    const compared = comparedRange(range, view.compare)
    const days = (some: { first: string; last: string }) => `and(bucket.gte.${some.first},bucket.lte.${some.last})`
    const answer = useApi<FunnelRow[]>(
        rows('funnel_daily', {
            select: 'bucket,channel,device,currency,sessions,view_item,add_to_cart,begin_checkout,purchase,value_lost',
            store_id: `eq.${scope.store}`,
            or: `(${[range, ...(compared ? [compared] : [])].map(days).join(',')})`,
        }),
        { every: 60_000 },
    )
    const channels = view.filters.channel
    const kept = answer.data?.filter((row) => !channels || channels.includes(row.channel ?? notSent))
    const within = (some: { first: string; last: string }) => kept?.filter((row) => row.bucket >= some.first && row.bucket <= some.last) ?? []
    return { ...answer, data: kept ? { now: within(range), before: compared && within(compared) } : null }
}

const nothingIn = (data: Periods) => (data.now.length === 0 ? <NoSales /> : null)

export function FunnelPage() {
    const { view } = useView()
    const funnel = useFunnel()
    const ignored = (['country', 'category'] as const).filter((name) => view.filters[name])
    return (
        <>
            {ignored.length > 0 && <p className="stale">Sessions are counted by channel and device: the filter by {ignored.join(' and ')} does not hold here.</p>}
            <Figures funnel={funnel} />
            <StepsFigure funnel={funnel} />
            <ConversionOverTime funnel={funnel} />
            <div className="columns">
                <By funnel={funnel} dimension="channel" />
                <By funnel={funnel} dimension="device" />
            </div>
            <LeftInCarts funnel={funnel} />
        </>
    )
}

function Figures({ funnel }: { funnel: Answer<Periods> }) {
    const { profile } = useView()
    const { data } = funnel
    if (!data || data.now.length === 0) return null
    const lost = (some: FunnelRow[]) => sum(some.filter((row) => row.currency === profile.currency), (row) => row.value_lost)
    const ratio = (some: FunnelRow[], part: keyof Counts, whole: keyof Counts) => (countsOf(some)[whole] > 0 ? countsOf(some)[part] / countsOf(some)[whole] : null)
    const of = (name: string, value: (some: FunnelRow[]) => number | null, text: (value: number | null) => string, lessIsBetter = false) => {
        const now = value(data.now)
        const before = data.before && data.before.length > 0 ? value(data.before) : null
        const byDay = rollups(data.now, value, (row) => row.bucket).sort(([a], [b]) => a.localeCompare(b))
        return (
            <div className="card" key={name}>
                <span className="card-label">{name}</span>
                <span className="card-value">{text(now)}</span>
                <span className="card-foot">
                    {data.before ? <Delta percent={changeOf(now, before)} previous={text(before)} lessIsBetter={lessIsBetter} otherwise="nothing before" /> : <span />}
                    {byDay.length > 1 && <Sparkline values={byDay.map(([, value]) => value)} />}
                </span>
            </div>
        )
    }
    return (
        <section className="cards four" aria-label="Key figures">
            {of('Sessions', (some) => countsOf(some).sessions, count)}
            {of('Sessions that bought', conversionOf, (value) => percent(value, 2))}
            {of('Carts left', (some) => invert(ratio(some, 'purchase', 'add_to_cart')), percent, true)}
            {of('Value left in carts', lost, (value) => roundMoney(value, profile.currency), true)}
        </section>
    )
}

const invert = (share: number | null) => (share === null ? null : 1 - share)

interface StepRow extends Step {
    share: number | null
    goesOn: number | null
}

function StepsFigure({ funnel }: { funnel: Answer<Periods> }) {
    const { range } = useView()
    const stepsOf = ({ now, before }: Periods): Step[] => {
        const counts = countsOf(now)
        const earlier = before && before.length > 0 ? countsOf(before) : null
        return steps.map(([name, label]) => ({ name: label, value: counts[name], previous: earlier?.[name] ?? null }))
    }
    return (
        <Figure
            title="From visit to order"
            note="Sessions that got to a step, or further."
            answer={funnel}
            height={300}
            file={`funnel_${range.first}_${range.last}`}
            empty={nothingIn}
            twin={(data): Twin<StepRow> => ({
                columns: [
                    { key: 'step', label: 'Step', value: (row) => row.name },
                    { key: 'sessions', label: 'Sessions', numeric: true, value: (row) => row.value, show: (row) => count(row.value) },
                    { key: 'share', label: 'Of all', numeric: true, value: (row) => row.share, show: (row) => percent(row.share) },
                    { key: 'of_step_before', label: 'Of the step before', numeric: true, value: (row) => row.goesOn, show: (row) => percent(row.goesOn) },
                    { key: 'before', label: 'Compared period', numeric: true, value: (row) => row.previous, show: (row) => count(row.previous) },
                ],
                rows: stepsOf(data).map((step, place, all) => {
                    const first = all[0]?.value
                    const above = all[place - 1]?.value
                    return { ...step, share: first ? step.value / first : null, goesOn: above ? step.value / above : null }
                }),
            })}
        >
            {(data) => <FunnelSteps label="From visit to order" steps={stepsOf(data)} />}
        </Figure>
    )
}

interface TimeRow {
    label: string
    value: number | null
    before: string | null
    previous: number | null
}

function ConversionOverTime({ funnel }: { funnel: Answer<Periods> }) {
    const { range, view, grain, profile } = useView()
    const by = grain === 'hour' ? 'day' : grain
    const compared = comparedRange(range, view.compare)
    const series = ({ now, before }: Periods): TimeRow[] => {
        const line = (some: FunnelRow[], days: { first: string; last: string }) => {
            const found = new Map(rollups(some, conversionOf, (row) => bucketOf(row.bucket, by, profile.week_start)))
            return bucketsOf(days, by, profile.week_start).map((label) => [label, found.get(label) ?? null] as const)
        }
        const earlier = compared && before && before.length > 0 ? line(before, compared) : []
        return line(now, range).map(([label, value], place) => ({ label, value, before: earlier[place]?.[0] ?? null, previous: earlier[place]?.[1] ?? null }))
    }
    return (
        <Figure
            title="Conversion over time"
            note="Sessions that bought, of all that began."
            answer={funnel}
            height={260}
            file={`conversion_${range.first}_${range.last}`}
            empty={nothingIn}
            twin={(data): Twin<TimeRow> => ({
                columns: [
                    { key: 'from', label: by === 'week' ? 'Week of' : by === 'month' ? 'Month' : 'Day', value: (row) => row.label, show: (row) => bucket(row.label, by) },
                    { key: 'conversion', label: 'Conversion', numeric: true, value: (row) => row.value, show: (row) => percent(row.value, 2) },
                    { key: 'compared_from', label: 'Compared with', value: (row) => row.before, show: (row) => (row.before ? bucket(row.before, by) : '–') },
                    { key: 'conversion_before', label: 'Before', numeric: true, value: (row) => row.previous, show: (row) => percent(row.previous, 2) },
                ],
                rows: series(data),
            })}
        >
            {(data) => {
                const points = series(data)
                const earlier = points.some((row) => row.before) ? points.map((row) => ({ label: row.before ?? '', value: row.previous })) : null
                return (
                    <LineChart
                        label={`Conversion by ${by}`}
                        height={220}
                        lines={[{ name: 'Conversion', points, previous: earlier }]}
                        written={(value) => percent(value, 2)}
                        short={(value) => percent(value, 0)}
                        bucket={(at) => bucket(at, by)}
                        tick={(at) => tick(at, by)}
                        unfinished={range.last >= profile.today}
                    />
                )
            }}
        </Figure>
    )
}

interface Group extends Counts {
    key: string
    conversion: number | null
    previous: number | null
}

function By({ funnel, dimension }: { funnel: Answer<Periods>; dimension: 'channel' | 'device' }) {
    const { view, range, change } = useView()
    const keyOf = (row: FunnelRow) => row[dimension] ?? notSent
    const groups = ({ now, before }: Periods): Group[] => {
        const earlier = new Map(rollups(before ?? [], conversionOf, keyOf))
        return rollups(now, (some) => ({ ...countsOf(some), conversion: conversionOf(some) }), keyOf)
            .map(([key, figures]) => ({ key, ...figures, previous: earlier.get(key) ?? null }))
            .sort((a, b) => b.sessions - a.sessions)
    }
    return (
        <TablePanel
            title={`By ${dimension}`}
            answer={funnel}
            file={`funnel_by_${dimension}_${range.first}_${range.last}`}
            empty={(data) => (data.now.length === 0 ? <Empty title="Nothing in these days" /> : null)}
            rowKey={(row: Group) => row.key}
            twin={(data): Twin<Group> => ({
                columns: [
                    {
                        key: dimension,
                        label: sentence(dimension),
                        value: (row) => row.key,
                        show: (row) =>
                            dimension === 'channel' ? (
                                <button type="button" className="link" aria-pressed={view.filters.channel?.includes(row.key) ?? false} onClick={() => change({ filters: toggled(view.filters, 'channel', row.key) })}>
                                    {keyName('channel', row.key)}
                                </button>
                            ) : (
                                keyName('device', row.key)
                            ),
                    },
                    { key: 'sessions', label: 'Sessions', numeric: true, value: (row) => row.sessions, show: (row) => count(row.sessions) },
                    { key: 'add_to_cart', label: 'Carts', numeric: true, minor: true, value: (row) => row.add_to_cart, show: (row) => count(row.add_to_cart) },
                    { key: 'purchase', label: 'Bought', numeric: true, minor: true, value: (row) => row.purchase, show: (row) => count(row.purchase) },
                    { key: 'conversion', label: 'Conversion', numeric: true, value: (row) => row.conversion, show: (row) => percent(row.conversion, 2) },
                    { key: 'conversion_before', label: 'Change', numeric: true, value: (row) => row.previous, show: (row) => <Delta percent={changeOf(row.conversion, row.previous)} previous={percent(row.previous, 2)} /> },
                ],
                rows: groups(data),
            })}
        />
    )
}

interface Lost {
    key: string
    channel: string
    currency: string
    value: number
}

function LeftInCarts({ funnel }: { funnel: Answer<Periods> }) {
    const { range, profile } = useView()
    const lost = ({ now }: Periods): Lost[] =>
        rollups(now, (some) => sum(some, (row) => row.value_lost), (row) => row.channel ?? notSent, (row) => row.currency)
            .flatMap(([channel, byCurrency]) => byCurrency.map(([currency, value]) => ({ key: `${channel} ${currency}`, channel, currency, value })))
            .filter((row) => row.value > 0)
            .sort((a, b) => b.value - a.value)
    return (
        <Figure
            title="Value left in carts"
            note="Put into carts in sessions that did not buy."
            answer={funnel}
            height={160}
            file={`value_left_in_carts_${range.first}_${range.last}`}
            empty={(data) => (lost(data).length === 0 ? <Empty title="Nothing was left in carts" /> : null)}
            twin={(data): Twin<Lost> => ({
                columns: [
                    { key: 'channel', label: 'Channel', value: (row) => row.channel, show: (row) => keyName('channel', row.channel) },
                    { key: 'currency', label: 'Currency', value: (row) => row.currency },
                    { key: 'value_lost', label: 'Left in carts', numeric: true, value: (row) => row.value, show: (row) => money(row.value, row.currency) },
                ],
                rows: lost(data),
            })}
        >
            {(data) => {
                const some = lost(data)
                const own = some.filter((row) => row.currency === profile.currency)
                return (
                    <BarList
                        label="Value left in carts by channel"
                        bars={own.map((row) => ({ key: row.key, name: keyName('channel', row.channel), value: row.value, fixed: true }))}
                        written={(value) => roundMoney(value, profile.currency)}
                    />
                )
            }}
        </Figure>
    )
}
