// One customer: figures so far, the segment with its scores, what the model expects, months, orders with their lines.

import type { ReactNode } from 'react'
import { rpc } from '../api/client'
import { type Answer, useApi } from '../api/use_api'
import { ColumnChart } from '../charts/column_chart'
import { Figure, type Twin } from '../components/figure'
import { Icon } from '../components/icons'
import { Link } from '../components/link'
import { Panel } from '../components/panel'
import { Empty } from '../components/states'
import { day, instant, month } from '../format/dates'
import { keyName } from '../format/names'
import { count, decimal, money, percent, roundMoney, shortMoney } from '../format/numbers'
import { usePageLink, useView } from '../state/context'
import { dayIn } from '../state/range'
import { groupName } from './customers_groups'
import { meaningOf, segmentName } from './customers_segments'
import { Recommendations } from './products_recommended'

interface OrderLine {
    product_id: string | null
    name: string | null
    kind: string | null
    quantity: number | null
    amount: number | null
    discount: number | null
}

interface Order {
    order_id: string | null
    placed_at: string
    currency: string
    units: number
    net_sales: number
    returns: number
    total_sales: number
    items: OrderLine[]
}

interface Profile {
    customer: {
        customer_id: string
        first_seen_at: string
        last_seen_at: string
        first_order_at: string | null
        last_order_at: string | null
        orders: number
        units: number
        gross_sales: number
        discounts: number
        returns: number
        net_sales: number
        aov: number | null
        country: string | null
        channel: string | null
    }
    rfm: { as_of: string; recency_days: number | null; r_score: number | null; f_score: number | null; m_score: number | null; segment: string } | null
    value: {
        p_alive: number
        expected_purchases: number
        expected_value: number | null
        clv: number | null
        horizon: string
        expected_next_order_at: string | null
        as_of: string
        model_version: number
    } | null
    clusters: { name: string; cluster: number }[]
    orders: Order[]
    months: [string, number][]
}

export function CustomerPage({ customer }: { customer: string }) {
    const { scope } = useView()
    const pageLink = usePageLink()
    const answer = useApi<Profile | null>(rpc('customer_profile', { customer, store: scope.store }))
    const profile = answer.data
    const isUnknown = profile === null && !answer.loading && !answer.error
    return (
        <>
            <div className="subject">
                <Link className="way-back" href={pageLink('/customers')}>
                    <Icon name="back" /> All customers
                </Link>
                <h2>{customer}</h2>
                {profile?.rfm && <span className="tag">{segmentName(profile.rfm.segment)}</span>}
                {profile && <Origin profile={profile} />}
            </div>
            {isUnknown ? (
                <section className="panel">
                    <Empty title="There is no such customer in this store">
                        <Link href={pageLink('/customers')}>Look for another one</Link>
                    </Empty>
                </section>
            ) : (
                <Parts customer={customer} answer={answer as Answer<Profile>} />
            )}
        </>
    )
}

function Origin({ profile: { customer } }: { profile: Profile }) {
    const { profile: store } = useView()
    const since = customer.first_order_at ?? customer.first_seen_at
    return (
        <span className="note">
            {customer.first_order_at ? 'Customer' : 'Known'} since {day(dayIn(since, store.timezone))}
            {customer.country && `, ${keyName('country', customer.country)}`}
            {customer.channel && `, first came by ${customer.channel}`}
        </span>
    )
}

function Parts({ customer, answer }: { customer: string; answer: Answer<Profile> }) {
    return (
        <>
            <Figures answer={answer} />
            <div className="columns">
                <SegmentPanel answer={answer} />
                <ExpectedPanel answer={answer} />
            </div>
            <MonthsFigure customer={customer} answer={answer} />
            <div className="columns uneven">
                <OrdersPanel customer={customer} answer={answer} />
                <RecommendedPanel customer={customer} answer={answer} />
            </div>
        </>
    )
}

function Figures({ answer }: { answer: Answer<Profile> }) {
    const { profile: store } = useView()
    const { data } = answer
    if (answer.error && !data) return null
    const customer = data?.customer
    const recency = data?.rfm?.recency_days
    const figures: [string, string, string][] = [
        ['Net sales', roundMoney(customer?.net_sales, store.currency), customer?.returns ? `after ${roundMoney(customer.returns, store.currency)} of returns` : 'nothing was returned'],
        ['Orders', count(customer?.orders), `${count(customer?.units)} units`],
        ['Average order value', roundMoney(customer?.aov, store.currency), 'before returns'],
        ['Last order', customer?.last_order_at ? day(dayIn(customer.last_order_at, store.timezone)) : '–', recency === null || recency === undefined ? 'none yet' : recency === 0 ? 'today' : recency === 1 ? 'yesterday' : `${count(recency)} days ago`],
    ]
    return (
        <section className="cards four" aria-label="Key figures" aria-busy={answer.loading}>
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

function Score({ name, value, says }: { name: string; value: number | null; says: string }) {
    return (
        <li className="score">
            <span>{name}</span>
            <span className="score-dots" aria-hidden="true">
                {[1, 2, 3, 4, 5].map((step) => (
                    <span key={step} className={value !== null && step <= value ? 'full' : undefined} />
                ))}
            </span>
            <b>
                {value ?? '–'}
                <span className="visually-hidden"> of 5</span>
            </b>
            <span className="note">{says}</span>
        </li>
    )
}

function SegmentPanel({ answer }: { answer: Answer<Profile> }) {
    const { profile: store } = useView()
    return (
        <Panel title="Segment" answer={answer} height={180} empty={(data) => (data.rfm ? null : <Empty title="In no segment" />)}>
            {({ rfm, customer, clusters }) => {
                if (!rfm) return null
                const meaning = meaningOf(rfm.segment)
                return (
                    <>
                        <p className="lead">
                            <b>{segmentName(rfm.segment)}</b>
                            {meaning && <>: {meaning.who.charAt(0).toLowerCase() + meaning.who.slice(1)}.</>}
                        </p>
                        {meaning && <p className="note">What to do: {meaning.todo.charAt(0).toLowerCase() + meaning.todo.slice(1)}.</p>}
                        <ul className="scores" aria-label="Scores">
                            <Score name="Recency" value={rfm.r_score} says={rfm.recency_days === null ? 'no order yet' : `${count(rfm.recency_days)} ${rfm.recency_days === 1 ? 'day' : 'days'} since the last order`} />
                            <Score name="Frequency" value={rfm.f_score} says={`${count(customer.orders)} orders`} />
                            <Score name="Money" value={rfm.m_score} says={roundMoney(customer.net_sales, store.currency)} />
                        </ul>
                        <p className="note">5 is the best fifth of the buyers.{clusters.length > 0 && ` Found by what they do: ${clusters.map((one) => groupName(one.name, one.cluster)).join(', ')}.`}</p>
                    </>
                )
            }}
        </Panel>
    )
}

function Fact({ name, children, note }: { name: string; children: ReactNode; note?: string }) {
    return (
        <div className="fact">
            <dt>{name}</dt>
            <dd>
                {children}
                {note && <small>{note}</small>}
            </dd>
        </div>
    )
}

/** 90 days, as PostgreSQL writes an interval, or 90 days, 00:00:00. */
function horizonName(horizon: string): string {
    return horizon.replace(/ ?00:00:00$/, '')
}

function ExpectedPanel({ answer }: { answer: Answer<Profile> }) {
    const { profile: store } = useView()
    return (
        <Panel
            title="What to expect"
            answer={answer}
            height={180}
            empty={({ value, customer }) =>
                value ? null : customer.orders > 0 ? (
                    <Empty title="Not trained yet">An administrator has it learned with fit_customer_value(); the nightly job renews it. Who bought since then comes with the next run.</Empty>
                ) : (
                    <Empty title="Nothing before the first order" />
                )
            }
        >
            {({ value }) => {
                if (!value) return null
                const horizon = horizonName(value.horizon)
                return (
                    <>
                        <div className="likely">
                            <span className="card-value">{percent(value.p_alive, 0)}</span>
                            <span>likely to still be a customer</span>
                            <span className="meter" aria-hidden="true">
                                <span style={{ width: `${value.p_alive * 100}%` }} />
                            </span>
                        </div>
                        <dl className="facts">
                            <Fact name={`Worth within ${horizon}`}>{roundMoney(value.clv, store.currency)}</Fact>
                            <Fact name="Next order" note="by then as likely as not">
                                {value.expected_next_order_at ? day(dayIn(value.expected_next_order_at, store.timezone)) : 'Rather not'}
                            </Fact>
                            <Fact name={`Days with orders within ${horizon}`}>{decimal(value.expected_purchases, 1)}</Fact>
                            <Fact name="Worth of such a day">{roundMoney(value.expected_value, store.currency)}</Fact>
                        </dl>
                        <p className="note">
                            As of {day(dayIn(value.as_of, store.timezone))}, model version {value.model_version}. A mean over customers alike, not a promise.
                        </p>
                    </>
                )
            }}
        </Panel>
    )
}

function MonthsFigure({ customer, answer }: { customer: string; answer: Answer<Profile> }) {
    const { profile: store } = useView()
    const currency = store.currency
    return (
        <Figure
            title="Net sales by month"
            answer={answer}
            height={230}
            file={`customer_${customer}_months`}
            empty={(data) => (data.months.some(([, value]) => value !== 0) ? null : <Empty title="No sales yet" />)}
            twin={(data): Twin<[string, number]> => ({
                columns: [
                    { key: 'month', label: 'Month', value: ([label]) => label, show: ([label]) => month(label) },
                    { key: 'net_sales', label: 'Net sales', numeric: true, value: ([, value]) => value, show: ([, value]) => money(value, currency) },
                ],
                rows: data.months,
            })}
        >
            {(data) => (
                <ColumnChart
                    label="Net sales by month"
                    height={190}
                    parts={[{ name: 'Net sales', tone: 'series-0' }]}
                    columns={data.months.map(([label, value]) => ({ key: label, values: [value] }))}
                    written={(value) => money(value, currency)}
                    short={(value) => shortMoney(value, currency)}
                    named={(place) => month(data.months[place]?.[0] ?? '')}
                    tick={(place) => month(data.months[place]?.[0] ?? '')}
                    unfinished={data.months.at(-1)?.[0].slice(0, 7) === store.today.slice(0, 7)}
                />
            )}
        </Figure>
    )
}

interface Line extends OrderLine {
    order: Order
    place: number
}

function lineName(line: OrderLine): string {
    return line.name ?? line.product_id ?? (line.kind && line.kind !== 'product' ? line.kind.replaceAll('_', ' ') : 'Not named')
}

function OrdersPanel({ customer, answer }: { customer: string; answer: Answer<Profile> }) {
    const { profile: store } = useView()
    return (
        <Figure
            title="Orders"
            note={answer.data && answer.data.orders.length >= 50 ? 'The newest 50.' : undefined}
            className="orders-panel"
            answer={answer}
            height={260}
            file={`customer_${customer}_orders`}
            empty={(data) => (data.orders.length === 0 ? <Empty title="No orders">{data.customer.orders > 0 ? 'Their events are no longer kept.' : undefined}</Empty> : null)}
            twin={(data): Twin<Line> => ({
                columns: [
                    { key: 'placed_at', label: 'Placed', value: (row) => row.order.placed_at, show: (row) => instant(row.order.placed_at, store.timezone) },
                    { key: 'order_id', label: 'Order', value: (row) => row.order.order_id, heads: true },
                    { key: 'product_id', label: 'Product id', value: (row) => row.product_id, hidden: true },
                    { key: 'name', label: 'Line', value: (row) => lineName(row) },
                    { key: 'quantity', label: 'Units', numeric: true, value: (row) => row.quantity, show: (row) => count(row.quantity) },
                    { key: 'amount', label: 'Amount', numeric: true, value: (row) => row.amount, show: (row) => money(row.amount, row.order.currency) },
                    { key: 'currency', label: 'Currency', value: (row) => row.order.currency, hidden: true },
                ],
                rows: data.orders.flatMap((order) => order.items.map((item, place): Line => ({ ...item, order, place }))),
            })}
        >
            {(data) => (
                <ul className="orders" aria-label="Orders">
                    {data.orders.map((order, place) => (
                        <li key={order.order_id ?? order.placed_at + place}>
                            <details open={place === 0}>
                                <summary>
                                    <span className="order-when">{instant(order.placed_at, store.timezone)}</span>
                                    <span className="order-id">{order.order_id ?? 'without a number'}</span>
                                    <span className="order-units">{count(order.units)} units</span>
                                    <span className="order-value">
                                        {money(order.net_sales, order.currency)}
                                        {order.returns > 0 && <small>after {money(order.returns, order.currency)} returned</small>}
                                    </span>
                                </summary>
                                <table>
                                    <thead className="visually-hidden">
                                        <tr>
                                            <th scope="col">Units</th>
                                            <th scope="col">Line</th>
                                            <th scope="col">Amount</th>
                                        </tr>
                                    </thead>
                                    <tbody>
                                        {order.items.map((item, line) => (
                                            <tr key={line}>
                                                <td className="numeric line-units">{item.quantity === null ? '' : `${count(item.quantity)} ×`}</td>
                                                <td>{lineName(item)}</td>
                                                <td className="numeric">{money(item.amount, order.currency)}</td>
                                            </tr>
                                        ))}
                                    </tbody>
                                </table>
                            </details>
                        </li>
                    ))}
                </ul>
            )}
        </Figure>
    )
}

function RecommendedPanel({ customer, answer }: { customer: string; answer: Answer<Profile> }) {
    return (
        <Panel title="Recommended" note="What this customer would buy next, and why." answer={answer} height={260}>
            {() => <Recommendations customer={customer} />}
        </Panel>
    )
}
