// Live: what happens now. Events as they come, and the last half hour by minute.

import { useCallback, useEffect, useRef, useState } from 'react'
import { rpc } from '../api/client'
import { type Answer, useApi } from '../api/use_api'
import { ColumnChart } from '../charts/column_chart'
import { Figure, saveTwin, type Twin } from '../components/figure'
import { Icon, type IconName } from '../components/icons'
import { Empty, Failure, Loading } from '../components/states'
import { clock, instant } from '../format/dates'
import { country, named, sentence } from '../format/names'
import { count, money, roundMoney, shortCount, shortMoney } from '../format/numbers'
import { useView } from '../state/context'
import { useParameter } from '../state/location'
import { type Live, useLive } from './live_hook'
import { type FeedEvent, mostShown } from './live_stream'
import { useProductNames } from './products_names'

interface Minute {
    minute: string
    events: number
    purchases: number
    visitors: number
    total_sales: number
    currency: string
}

/** Minutes are asked anew so long after something came: not for each event. */
const rest = 800

export function LivePage() {
    const { scope } = useView()
    const activity = useApi<Minute[]>(rpc('activity', { minutes: 30, store: scope.store }), { every: 20_000 })
    const timer = useRef<ReturnType<typeof setTimeout> | null>(null)
    const { reload } = activity
    const onEvents = useCallback(() => {
        timer.current ??= setTimeout(() => {
            timer.current = null
            reload()
        }, rest)
    }, [reload])
    useEffect(
        () => () => {
            if (timer.current) clearTimeout(timer.current)
            timer.current = null
        },
        [],
    )
    const live = useLive(scope.store, onEvents)
    return (
        <>
            <Standing live={live} />
            <Figures activity={activity} />
            <MinutesFigure activity={activity} />
            <Feed live={live} />
        </>
    )
}

const standings: Record<Live['state'], string> = {
    connecting: 'Connecting',
    live: 'Live: events are here within a second',
    polling: 'Asked every five seconds',
    retrying: 'The connection broke off; it is tried again, and nothing is missed',
    refused: 'Not connected',
}

function Standing({ live }: { live: Live }) {
    const { profile } = useView()
    return (
        <p className="standing" role="status">
            <span className={`standing-mark is-${live.state}`} aria-hidden="true" />
            {standings[live.state]}
            {profile.clock === 'data' && profile.last_event_at && `. This store’s clock stands at its newest event, ${instant(profile.last_event_at, profile.timezone)}: the half hour is the one before it`}
        </p>
    )
}

function Figures({ activity }: { activity: Answer<Minute[]> }) {
    const { data } = activity
    if (activity.error && !data) return null
    const sum = (value: (row: Minute) => number) => (data ?? []).reduce((total, row) => total + value(row), 0)
    const currency = data?.[0]?.currency ?? 'USD'
    const most = Math.max(0, ...(data ?? []).map((row) => row.visitors))
    const figures: [string, string, string][] = [
        ['Total sales', roundMoney(sum((row) => row.total_sales), currency), 'in 30 minutes'],
        ['Purchases', count(sum((row) => row.purchases)), 'in 30 minutes'],
        ['Events', count(sum((row) => row.events)), 'in 30 minutes'],
        ['Visitors', count(data?.at(-1)?.visitors), `in this minute; ${count(most)} in the busiest`],
    ]
    return (
        <section className="cards four" aria-label="Key figures of the last 30 minutes" aria-busy={activity.loading && !data}>
            {figures.map(([name, value, note]) => (
                <div className="card" key={name}>
                    <span className="card-label">{name}</span>
                    {data ? (
                        <>
                            <span className="card-value">{value}</span>
                            <span className="note">{note}</span>
                        </>
                    ) : (
                        <span className="card-value waiting" />
                    )}
                </div>
            ))}
        </section>
    )
}

const measures = ['events', 'visitors', 'sales'] as const
type Measure = (typeof measures)[number]

function MinutesFigure({ activity }: { activity: Answer<Minute[]> }) {
    const { profile } = useView()
    const [chosen, choose] = useParameter('by', 'events')
    const measure: Measure = measures.find((name) => name === chosen) ?? 'events'
    const at = (row: Minute | undefined) => clock(row?.minute, profile.timezone)
    return (
        <Figure
            title="The last 30 minutes"
            note={`By minute, as it was in ${profile.timezone}.`}
            // while minutes are asked anew the old ones stay: a chart that blinks each second says nothing
            answer={{ ...activity, stale: activity.error !== null && activity.stale }}
            height={240}
            file="last_30_minutes"
            extra={
                <div className="segmented" role="group" aria-label="By minute">
                    {measures.map((name) => (
                        <button key={name} type="button" aria-pressed={measure === name} onClick={() => choose(name)}>
                            {sentence(name)}
                        </button>
                    ))}
                </div>
            }
            empty={(data) => (data.every((row) => row.events === 0) ? <Empty title="Nothing in the last half hour">Minutes fill as events come.</Empty> : null)}
            twin={(data): Twin<Minute> => ({
                columns: [
                    { key: 'minute', label: 'Minute', value: (row) => row.minute, show: at },
                    { key: 'events', label: 'Events', numeric: true, value: (row) => row.events, show: (row) => count(row.events) },
                    { key: 'purchases', label: 'Purchases', numeric: true, value: (row) => row.purchases, show: (row) => count(row.purchases) },
                    { key: 'visitors', label: 'Visitors', numeric: true, value: (row) => row.visitors, show: (row) => count(row.visitors) },
                    { key: 'total_sales', label: 'Total sales', numeric: true, value: (row) => row.total_sales, show: (row) => money(row.total_sales, row.currency) },
                ],
                rows: [...data].reverse(),
            })}
        >
            {(data) => {
                const currency = data[0]?.currency ?? 'USD'
                const parts =
                    measure === 'events'
                        ? [
                              { name: 'Purchases', tone: 'series-0' },
                              { name: 'Other events', tone: 'series-soft' },
                          ]
                        : [{ name: measure === 'visitors' ? 'Visitors' : 'Total sales', tone: 'series-0' }]
                const values = (row: Minute) => (measure === 'events' ? [row.purchases, Math.max(0, row.events - row.purchases)] : [measure === 'visitors' ? row.visitors : row.total_sales])
                return (
                    <ColumnChart
                        label={`${sentence(measure)} by minute`}
                        height={200}
                        parts={parts}
                        columns={data.map((row) => ({ key: row.minute, values: values(row) }))}
                        written={(value) => (measure === 'sales' ? money(value, currency) : count(value))}
                        short={(value) => (measure === 'sales' ? shortMoney(value, currency) : shortCount(value))}
                        named={(place) => at(data[place])}
                        tick={(place) => at(data[place])}
                        beside={(place) => [
                            ...(measure === 'visitors' ? [] : [['Visitors', count(data[place]?.visitors)] as [string, string]]),
                            ...(measure === 'sales' ? [] : [['Total sales', money(data[place]?.total_sales, currency)] as [string, string]]),
                        ]}
                        unfinished={profile.clock === 'now'}
                    />
                )
            }}
        </Figure>
    )
}

const icons: Record<string, IconName> = { purchase: 'money', refund: 'back', view_item: 'products', add_to_cart: 'funnel', begin_checkout: 'funnel' }

function Feed({ live }: { live: Live }) {
    const { profile } = useView()
    const [type, setType] = useParameter('type')
    // What was there when the feed was held; null: it runs.
    const [held, setHeld] = useState<FeedEvent[] | null>(null)
    const shown = (held ?? live.feed).filter((event) => !type || event.event_type === type)
    const kept = new Set(held?.map((event) => event.key))
    const waiting = held ? live.feed.filter((event) => !kept.has(event.key)).length : 0
    const names = useProductNames(shown.flatMap((event) => (event.product_id ? [event.product_id] : [])))
    const types = [...new Set([...Object.keys(live.counts), ...live.feed.map((event) => event.event_type)])].sort((a, b) => (live.counts[b] ?? 0) - (live.counts[a] ?? 0) || a.localeCompare(b))
    const nameOf = (event: FeedEvent) => (event.product_id ? (names.get(event.product_id) ?? event.product_id) : event.order_id ? `Order ${event.order_id}` : event.quantity && event.quantity > 1 ? `${count(event.quantity)} units` : '')
    const save = () =>
        saveTwin('live_events', {
            columns: (['occurred_at', 'event_type', 'product_id', 'order_id', 'quantity', 'value', 'currency', 'channel', 'country', 'device'] as const).map((key) => ({ key, label: key, value: (event: FeedEvent) => event[key] })),
            rows: shown,
        })
    return (
        <section className="panel" aria-labelledby="feed-title">
            <header className="panel-head">
                <div>
                    <h2 id="feed-title">Events</h2>
                    <p className="note">The newest first; never who it was.</p>
                </div>
                <div className="actions">
                    <button type="button" className="button" aria-pressed={held !== null} onClick={() => setHeld(held ? null : live.feed)}>
                        <Icon name={held ? 'play' : 'pause'} /> {held ? (waiting > 0 ? `Go on: ${count(waiting)}${live.feed.length >= mostShown && waiting >= mostShown ? '+' : ''} new` : 'Go on') : 'Pause'}
                    </button>
                    <button type="button" className="button quiet" aria-label="Events: download as CSV" onClick={save} disabled={shown.length === 0}>
                        <Icon name="download" />
                        <span className="button-text">CSV</span>
                    </button>
                </div>
            </header>
            <Announced live={live} silent={held !== null} />
            {types.length > 0 && (
                <div className="types" role="group" aria-label="Show events of a type">
                    {types.map((name) => (
                        <button key={name} type="button" className="type" aria-pressed={type === name} onClick={() => setType(type === name ? '' : name)}>
                            {sentence(name)} <b>{count(live.counts[name] ?? 0)}</b>
                            <span className="visually-hidden"> since the page was opened</span>
                        </button>
                    ))}
                </div>
            )}
            {live.error && live.state !== 'polling' && live.feed.length === 0 ? (
                <Failure answer={{ error: live.error, reload: live.retry }} />
            ) : shown.length > 0 ? (
                <div className="table-region feed" role="region" aria-label="Events: the newest" tabIndex={0}>
                    <table>
                        <thead>
                            <tr>
                                <th scope="col">When</th>
                                <th scope="col">What</th>
                                <th scope="col">Of</th>
                                <th scope="col" className="numeric">
                                    Value
                                </th>
                                <th scope="col" className="minor">
                                    From
                                </th>
                                <th scope="col" className="minor">
                                    By
                                </th>
                            </tr>
                        </thead>
                        <tbody>
                            {shown.slice(0, 100).map((event) => (
                                <tr key={event.key} className={`${event.fresh ? 'fresh ' : ''}is-${event.event_type === 'purchase' ? 'purchase' : 'other'}`}>
                                    <td className="feed-when" title={instant(event.occurred_at, profile.timezone)}>
                                        {clock(event.occurred_at, profile.timezone, true)}
                                    </td>
                                    <th scope="row">
                                        <span className="feed-what">
                                            <Icon name={icons[event.event_type] ?? 'live'} /> {sentence(event.event_type)}
                                        </span>
                                    </th>
                                    <td className="feed-of">{nameOf(event)}</td>
                                    <td className="numeric">{event.value === null || !event.currency ? '' : money(event.value, event.currency)}</td>
                                    <td className="minor">{event.country ? country(event.country) : ''}</td>
                                    <td className="minor">{[event.channel && named(event.channel), event.device].filter(Boolean).join(', ')}</td>
                                </tr>
                            ))}
                        </tbody>
                    </table>
                </div>
            ) : !live.ready ? (
                <Loading />
            ) : type ? (
                <Empty title={`No ${sentence(type).toLowerCase()} lately`}>
                    <button type="button" className="button" onClick={() => setType('')}>
                        Show all types
                    </button>
                </Empty>
            ) : (
                <Empty title="Nothing yet">Events are shown here within a second of their coming. The tracker sends them from a shop’s pages, POST /api/ingest takes them from anywhere.</Empty>
            )}
        </section>
    )
}

/** What is read aloud: once in half a minute in which something came, not each event. */
function Announced({ live, silent }: { live: Live; silent: boolean }) {
    const [text, setText] = useState('')
    const counts = useRef(live.counts)
    counts.current = live.counts
    useEffect(() => {
        if (silent) return
        let before = counts.current
        const timer = setInterval(() => {
            const now = counts.current
            const events = Object.entries(now).reduce((sum, [name, value]) => sum + value - (before[name] ?? 0), 0)
            const bought = (now.purchase ?? 0) - (before.purchase ?? 0)
            before = now
            setText(events > 0 ? `${count(events)} new events, ${count(bought)} purchases` : '')
        }, 30_000)
        return () => clearInterval(timer)
    }, [silent])
    return (
        <p className="visually-hidden" aria-live="polite">
            {text}
        </p>
    )
}
