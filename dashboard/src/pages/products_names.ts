// Names of products that are known by their ids alone.

import { rpc } from '../api/client'
import type { ProductRow } from '../api/types'
import { useApi } from '../api/use_api'
import { useView } from '../state/context'
import { rangeOf } from '../state/range'

/** Of all days that the store has. A product without a name is not in it. */
export function useProductNames(products: string[]): Map<string, string> {
    const { profile, scope } = useView()
    const { from, to } = rangeOf('all', profile)
    const wanted = [...new Set(products)].sort()
    const found = useApi<ProductRow[]>(wanted.length ? rpc('product_report', { from, to, store: scope.store, filters: { product: wanted }, limit: wanted.length }) : null)
    return new Map(found.data?.flatMap((row) => (row.name ? [[row.product_id, row.name] as const] : [])))
}
