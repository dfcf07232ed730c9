// Customers by name: searched, of one segment or all, with what the models say where they were trained.

import { rows } from '../api/client'
import { useApi } from '../api/use_api'
import { TablePanel, type Twin } from '../components/figure'
import { Icon } from '../components/icons'
import { Link } from '../components/link'
import { Empty } from '../components/states'
import { count, money, percent, roundMoney } from '../format/numbers'
import { usePageLink, useView } from '../state/context'
import { useParameter } from '../state/location'
import { useTyped } from '../state/use_typed'
import { segmentName } from './customers_segments'

interface Scored {
    customer_id: string
    recency_days: number | null
    frequency: number
    monetary: number
    segment: string
}

interface Valued {
    customer_id: string
    p_alive: number
    clv: number | null
}

const perPage = 20
const sorts = ['monetary', 'frequency', 'recency_days', 'customer_id']

/** In PostgREST's dialect: what is typed may stand anywhere, and means itself. */
export function contains(text: string): string {
    return `ilike.*${text.replace(/[\\%_]/g, '\\$&')}*`
}

/** The sort of a table as an order of the API: a column, '-' before it ascending; customers without the figure last. */
export function orderOf(sort: string): string {
    const column = sort.replace(/^-/, '')
    const known = sorts.includes(column) ? column : 'monetary'
    return `${known}.${sort.startsWith('-') ? 'asc' : 'desc'}.nullslast${known === 'customer_id' ? '' : ',customer_id'}`
}

export function customerPath(customer: string): string {
    return `/customers/${encodeURIComponent(customer)}`
}

export function CustomerList() {
    const { scope, profile } = useView()
    const pageLink = usePageLink()
    const [segment, setSegment] = useParameter('segment', '', ['page'])
    const [sort, setSort] = useParameter('sort', 'monetary', ['page'])
    const [page, setPage] = useParameter('page', '1')
    const [search] = useParameter('search')
    const [typed, setTyped] = useTyped('search', ['page'])
    const at = Math.max(1, Math.floor(Number(page)) || 1)
    const currency = profile.currency
    const found = useApi<Scored[]>(
        rows('rfm', {
            select: 'customer_id,recency_days,frequency,monetary,segment',
            store_id: `eq.${scope.store}`,
            segment: segment ? `eq.${segment}` : undefined,
            customer_id: search.trim() ? contains(search.trim()) : undefined,
            order: orderOf(sort),
            limit: perPage + 1,
            offset: (at - 1) * perPage,
        }),
    )
    const ids = found.data?.slice(0, perPage).map((row) => row.customer_id) ?? []
    const valued = useApi<Valued[]>(
        ids.length > 0 ? rows('customer_value', { select: 'customer_id,p_alive,clv', store_id: `eq.${scope.store}`, customer_id: `in.(${ids.map((id) => `"${id.replace(/["\\]/g, '\\$&')}"`).join(',')})` }) : null,
    )
    const values = new Map(valued.data?.map((row) => [row.customer_id, row]))
    return (
        <TablePanel
            title={segment ? `Customers: ${segmentName(segment)}` : 'Customers'}
            note="Open one for orders, scores and what to expect."
            answer={found}
            file={`customers${segment ? `_${segment}` : ''}`}
            height={420}
            sort={sort}
            onSort={setSort}
            rowKey={(row: Scored) => row.customer_id}
            always={
                <>
                    {segment && (
                        <button type="button" className="chip" aria-label={`Remove filter: segment ${segmentName(segment)}`} onClick={() => setSegment('')}>
                            {segmentName(segment)} <Icon name="close" />
                        </button>
                    )}
                    <label className="searches">
                        <Icon name="search" />
                        <span className="visually-hidden">Search customers</span>
                        <input type="search" placeholder="Customer id" value={typed} onChange={(event) => setTyped(event.target.value)} />
                    </label>
                </>
            }
            empty={(data) =>
                data.length > 0 ? null : (
                    <Empty title={search ? `No customer’s id has ${search} in it` : at > 1 ? 'There are no more' : segment ? 'Nobody is in this segment' : 'No known customer yet'}>
                        {at > 1 && (
                            <button type="button" className="button" onClick={() => setPage('1')}>
                                To the first page
                            </button>
                        )}
                    </Empty>
                )
            }
            twin={(data): Twin<Scored> => ({
                columns: [
                    { key: 'customer_id', label: 'Customer', sortable: true, value: (row) => row.customer_id, show: (row) => <Link href={pageLink(customerPath(row.customer_id))}>{row.customer_id}</Link> },
                    { key: 'segment', label: 'Segment', value: (row) => row.segment, show: (row) => segmentName(row.segment) },
                    { key: 'monetary', label: 'Net sales', numeric: true, sortable: true, value: (row) => row.monetary, show: (row) => money(row.monetary, currency) },
                    { key: 'frequency', label: 'Orders', numeric: true, sortable: true, value: (row) => row.frequency, show: (row) => count(row.frequency) },
                    { key: 'recency_days', label: 'Days since last order', numeric: true, sortable: true, minor: true, value: (row) => row.recency_days, show: (row) => count(row.recency_days) },
                    ...(values.size > 0
                        ? [
                              { key: 'p_alive', label: 'Still a customer', numeric: true, minor: true, value: (row: Scored) => values.get(row.customer_id)?.p_alive, show: (row: Scored) => percent(values.get(row.customer_id)?.p_alive, 0) },
                              { key: 'clv', label: 'Expected value', numeric: true, minor: true, value: (row: Scored) => values.get(row.customer_id)?.clv, show: (row: Scored) => roundMoney(values.get(row.customer_id)?.clv, currency) },
                          ]
                        : []),
                ],
                rows: data.slice(0, perPage),
            })}
            foot={(data) =>
                (at > 1 || data.length > perPage) && (
                    <nav className="pager" aria-label="Pages of customers">
                        <span>
                            {count((at - 1) * perPage + 1)}–{count((at - 1) * perPage + Math.min(data.length, perPage))}
                        </span>
                        <div>
                            <button type="button" className="button" disabled={at === 1} onClick={() => setPage(String(at - 1))}>
                                Previous
                            </button>
                            <button type="button" className="button" disabled={data.length <= perPage} onClick={() => setPage(String(at + 1))}>
                                Next
                            </button>
                        </div>
                    </nav>
                )
            }
        />
    )
}
