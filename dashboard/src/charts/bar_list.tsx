// Names with bars and values, longest first: Plausible's way to rank. Rows are buttons where they filter.

import { max } from 'd3-array'
import type { ReactNode } from 'react'

export interface Bar {
    key: string
    name: string
    value: number
    /** Beside the value, in a muted tone: a share, a change. */
    beside?: ReactNode
    selected?: boolean
    /** No row of its own to be picked, such as (other). */
    fixed?: boolean
}

export interface BarListProps {
    label: string
    bars: Bar[]
    written: (value: number) => string
    onPick?: (key: string) => void
    /** What picking does, as in "Filter by United Kingdom". */
    picking?: (bar: Bar) => string
}

export function BarList({ label, bars, written, onPick, picking }: BarListProps) {
    const most = Math.max(0, max(bars, (bar) => bar.value) ?? 0)
    return (
        <ol className="bar-list" aria-label={label}>
            {bars.map((bar) => {
                const inside = (
                    <>
                        <span className="bar-fill" style={{ width: `${most > 0 ? Math.max(0, (bar.value / most) * 100) : 0}%` }} />
                        <span className="bar-name">{bar.name}</span>
                        {bar.beside !== undefined && <span className="bar-beside">{bar.beside}</span>}
                        <span className="bar-value">{written(bar.value)}</span>
                    </>
                )
                return (
                    <li key={bar.key}>
                        {onPick && !bar.fixed ? (
                            <button type="button" className="bar" aria-pressed={bar.selected ?? false} title={picking?.(bar)} onClick={() => onPick(bar.key)}>
                                {inside}
                            </button>
                        ) : (
                            <div className="bar">{inside}</div>
                        )}
                    </li>
                )
            })}
        </ol>
    )
}
