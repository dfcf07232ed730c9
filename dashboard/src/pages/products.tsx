// Products: what sells, how it moves, and what goes with it.

import { rpc } from '../api/client'
import type { ProductRow } from '../api/types'
import { useApi } from '../api/use_api'
import { Sparkline } from '../charts/sparkline'
import { Delta } from '../components/delta'
import { TablePanel, type Twin } from '../components/figure'
import { Icon } from '../components/icons'
import { Link } from '../components/link'
import { Empty } from '../components/states'
import { count, money, percent } from '../format/numbers'
import { usePageLink, useView } from '../state/context'
import { useParameter } from '../state/location'
import { useTyped } from '../state/use_typed'
import { NoSales } from './overview'
import { ProductPage } from './products_product'
import { RecommendedPanel, TrendingPanel } from './products_recommended'

const perPage = 25

export function ProductsPage() {
    const [product] = useParameter('product')
    if (product) return <ProductPage product={product} />
    return (
        <>
            <ProductTable />
            <div className="columns">
                <TrendingPanel />
                <RecommendedPanel />
            </div>
        </>
    )
}

export function changeOf(now: number, before: number | null): number | null {
    return before ? ((now - before) / Math.abs(before)) * 100 : null
}

function ProductTable() {
    const { scope, currency, range, view } = useView()
    const pageLink = usePageLink()
    const [sort, setSort] = useParameter('sort', 'net_sales', ['page'])
    const [page, setPage] = useParameter('page', '1')
    const [search] = useParameter('search')
    const [typed, setTyped] = useTyped('search', ['page'])
    const at = Math.max(1, Math.floor(Number(page)) || 1)
    const products = useApi<ProductRow[]>(rpc('product_report', { ...scope, search: search || null, sort, limit: perPage, offset: (at - 1) * perPage }))
    const compares = view.compare !== 'none'
    const seen = products.data?.some((row) => row.views > 0 || row.add_to_carts > 0) ?? false
    const twin = (data: ProductRow[]): Twin<ProductRow> => ({
        columns: [
            { key: 'product_id', label: 'Id', value: (row) => row.product_id, hidden: true },
            {
                key: 'name',
                label: 'Product',
                heads: true,
                sortable: true,
                value: (row) => row.name,
                show: (row) => (
                    <span className="named">
                        <Link href={pageLink('/products', { product: row.product_id })}>{row.name ?? row.product_id}</Link>
                        <span className="id">{[row.product_id, row.category].filter(Boolean).join(' · ')}</span>
                    </span>
                ),
            },
            { key: 'category', label: 'Category', value: (row) => row.category, hidden: true },
            { key: 'brand', label: 'Brand', value: (row) => row.brand, hidden: true },
            { key: 'trend', label: 'Trend', minor: true, value: (row) => row.spark?.join(' ') ?? '', show: (row) => (row.spark && row.spark.length > 1 ? <Sparkline values={row.spark} width={96} height={24} /> : null) },
            { key: 'net_sales', label: 'Net sales', numeric: true, sortable: true, value: (row) => row.net_sales, show: (row) => money(row.net_sales, currency) },
            ...(compares
                ? [
                      {
                          key: 'previous_net_sales',
                          label: 'Change',
                          numeric: true,
                          value: (row: ProductRow) => row.previous_net_sales,
                          show: (row: ProductRow) => <Delta percent={changeOf(row.net_sales, row.previous_net_sales)} previous={money(row.previous_net_sales, currency)} />,
                      },
                  ]
                : []),
            { key: 'orders', label: 'Orders', numeric: true, sortable: true, minor: true, value: (row) => row.orders, show: (row) => count(row.orders) },
            { key: 'units', label: 'Units', numeric: true, sortable: true, minor: true, value: (row) => row.units, show: (row) => count(row.units) },
            { key: 'units_returned', label: 'Returned', numeric: true, sortable: true, minor: true, value: (row) => row.units_returned, show: (row) => count(row.units_returned) },
            { key: 'views', label: 'Views', numeric: true, sortable: true, minor: true, hidden: !seen, value: (row) => row.views, show: (row) => (row.views ? count(row.views) : '–') },
            { key: 'add_to_carts', label: 'Carts', numeric: true, sortable: true, minor: true, hidden: !seen, value: (row) => row.add_to_carts, show: (row) => (row.add_to_carts ? count(row.add_to_carts) : '–') },
            { key: 'orders_by_views', label: 'Orders by views', numeric: true, minor: true, hidden: !seen, value: (row) => (row.views ? row.orders / row.views : null), show: (row) => percent(row.views ? row.orders / row.views : null) },
        ],
        rows: data,
    })
    return (
        <TablePanel
            title="Products"
            note={products.data?.[0] && `${count(products.data[0].total_rows)} with sales, views or returns in these days`}
            answer={products}
            file={`products_${range.first}_${range.last}`}
            height={600}
            sort={sort}
            onSort={(next) => setSort(next)}
            rowKey={(row: ProductRow) => row.product_id}
            always={
                <label className="searches">
                    <Icon name="search" />
                    <span className="visually-hidden">Search products</span>
                    <input type="search" placeholder="Name, id, category, brand" value={typed} onChange={(event) => setTyped(event.target.value)} />
                </label>
            }
            empty={(data) => (data.length > 0 ? null : search ? <Empty title={`No product of these days is called ${search}`}>Search looks at names, ids, categories and brands.</Empty> : <NoSales />)}
            twin={twin}
            foot={(data) => {
                const total = data[0]?.total_rows ?? 0
                return (
                    <nav className="pager" aria-label="Pages of products">
                        <span>
                            {count((at - 1) * perPage + 1)}–{count((at - 1) * perPage + data.length)} of {count(total)}
                        </span>
                        <div>
                            <button type="button" className="button" disabled={at === 1} onClick={() => setPage(String(at - 1))}>
                                Previous
                            </button>
                            <button type="button" className="button" disabled={at * perPage >= total} onClick={() => setPage(String(at + 1))}>
                                Next
                            </button>
                        </div>
                    </nav>
                )
            }}
        />
    )
}
