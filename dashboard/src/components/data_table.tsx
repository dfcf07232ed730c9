// A table: numbers right and tabular, headings that sort where sorting is offered, a region that scrolls by keyboard, too.

import type { ReactNode } from 'react'
import type { Cell } from '../format/csv'

export interface Column<R> {
    key: string
    label: string
    /** What is sorted and exported: no formatting. */
    value: (row: R) => Cell
    /** What is shown; by default the value. */
    show?: (row: R) => ReactNode
    numeric?: boolean
    sortable?: boolean
    /** Left out on narrow screens. */
    minor?: boolean
    /** Read as the row's name; else the first column is. */
    heads?: boolean
    /** In the CSV alone. */
    hidden?: boolean
}

export interface DataTableProps<R> {
    label: string
    columns: Column<R>[]
    rows: R[]
    rowKey?: (row: R, index: number) => string
    /** A column's key, '-' before it: the greatest last. */
    sort?: string
    onSort?: (sort: string) => void
    /** At most so high, and scrolls within. */
    scrolls?: boolean
}

/** Numbers sort downwards first, words upwards; then the other way. */
export function nextSort(now: string | undefined, key: string, numeric = false): string {
    return now === (numeric ? key : `-${key}`) ? (numeric ? `-${key}` : key) : numeric ? key : `-${key}`
}

export function DataTable<R>({ label, columns: all, rows, rowKey, sort, onSort, scrolls }: DataTableProps<R>) {
    const columns = all.filter((column) => !column.hidden)
    const heads = columns.findIndex((column) => column.heads)
    return (
        <div className={`table-region${scrolls ? ' scrolls' : ''}`} role="region" aria-label={`${label}: table`} tabIndex={0}>
            <table>
                <thead>
                    <tr>
                        {columns.map((column) => {
                            const sorted = sort === column.key ? 'descending' : sort === `-${column.key}` ? 'ascending' : undefined
                            return (
                                <th key={column.key} scope="col" className={classOf(column)} aria-sort={sorted}>
                                    {onSort && column.sortable ? (
                                        <button type="button" className="sort" onClick={() => onSort(nextSort(sort, column.key, column.numeric))}>
                                            {column.label}
                                            <span className="sort-mark" aria-hidden="true">
                                                {sorted === 'ascending' ? '↑' : sorted ? '↓' : ''}
                                            </span>
                                        </button>
                                    ) : (
                                        column.label
                                    )}
                                </th>
                            )
                        })}
                    </tr>
                </thead>
                <tbody>
                    {rows.map((row, index) => (
                        <tr key={rowKey ? rowKey(row, index) : index}>
                            {columns.map((column, place) => {
                                const content = column.show ? column.show(row) : (column.value(row) ?? '–')
                                return place === Math.max(heads, 0) ? (
                                    <th key={column.key} scope="row" className={classOf(column)}>
                                        {content}
                                    </th>
                                ) : (
                                    <td key={column.key} className={classOf(column)}>
                                        {content}
                                    </td>
                                )
                            })}
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    )
}

function classOf<R>(column: Column<R>): string | undefined {
    return [column.numeric && 'numeric', column.minor && 'minor'].filter(Boolean).join(' ') || undefined
}
