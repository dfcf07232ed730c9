// Columns side by side, each of parts that stand on one another. As with lines the plot is one control: hover, or focus it and
// use the arrow keys, to read a column.

import { max } from 'd3-array'
import { scaleLinear } from 'd3-scale'
import { type KeyboardEvent, type PointerEvent, useState } from 'react'
import { labelPlaces } from './ticks'
import { useWidth } from './use_width'

export interface ColumnPart {
    name: string
    /** A class of the marks: series-0 to series-7, or series-soft for what is not the point. */
    tone: string
}

export interface ColumnOf {
    key: string
    /** One figure for each part. */
    values: number[]
}

export interface ColumnChartProps {
    /** What the chart is of, for who does not see it. */
    label: string
    parts: ColumnPart[]
    columns: ColumnOf[]
    height?: number
    /** In full: what is read at a column. */
    written: (value: number) => string
    /** Short, for the axis. */
    short: (value: number) => string
    /** A column in words, and below the axis. */
    named: (place: number) => string
    tick: (place: number) => string
    /** Read with a column, but not drawn. */
    beside?: (place: number) => [name: string, text: string][]
    /** The last column is not over yet: drawn lighter. */
    unfinished?: boolean
    /** Room that a tick's text takes; or the very columns that have one. */
    tickWidth?: number
    ticks?: number[]
}

const margin = { top: 12, right: 8, bottom: 24, left: 52 }
const widest = 44

export function ColumnChart({ label, parts, columns, height = 220, written, short, named, tick, beside, unfinished, tickWidth = 72, ticks: chosen }: ColumnChartProps) {
    const [box, width] = useWidth()
    const [at, setAt] = useState<number | null>(null)
    const count = columns.length
    if (count === 0) return null

    const right = Math.max(width - margin.right, margin.left + 1)
    const bottom = height - margin.bottom
    const most = max(columns, (column) => column.values.reduce((sum, value) => sum + Math.max(0, value), 0)) ?? 0
    const least = Math.min(0, ...columns.map((column) => column.values.reduce((sum, value) => sum + Math.min(0, value), 0)))
    const y = scaleLinear([least, most > 0 || least < 0 ? most : 1], [bottom, margin.top]).nice(4)
    // as few figures on the axis as can be told apart: 0 and 1 of what is counted, not 0, 0.2, 0.4
    const levels = [...new Set(y.ticks(4).map((value) => short(value)))].length < y.ticks(4).length ? y.ticks(1) : y.ticks(4)
    const step = (right - margin.left) / count
    const thick = Math.max(1, Math.min(widest, step - (step > 14 ? 4 : step > 5 ? 2 : 0.5)))
    const middle = (place: number) => margin.left + step * (place + 0.5)

    const clamp = (place: number) => Math.max(0, Math.min(count - 1, place))
    const onPointer = (event: PointerEvent) => {
        const left = event.currentTarget.getBoundingClientRect().left
        setAt(clamp(Math.floor((event.clientX - left - margin.left) / step)))
    }
    const onKey = (event: KeyboardEvent) => {
        const now = at ?? count
        const page = Math.max(1, Math.round(count / 10))
        const next: Record<string, number> = { ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1, Home: 0, End: count - 1, PageDown: now - page, PageUp: now + page }
        if (event.key in next) {
            event.preventDefault()
            setAt(clamp(next[event.key] as number))
        } else if (event.key === 'Escape') {
            setAt(null)
        }
    }
    const readings = (place: number): [string, string][] => [
        ...parts.map((part, i): [string, string] => [part.name, written(columns[place]?.values[i] ?? 0)]),
        ...(beside?.(place) ?? []),
    ]
    const shownAt = at === null ? null : clamp(at)
    const read = shownAt ?? count - 1

    return (
        <div className="chart column-chart" ref={box}>
            <div
                className="plot"
                role="slider"
                tabIndex={0}
                aria-label={`${label}. Arrow keys read the values.`}
                aria-valuemin={1}
                aria-valuemax={count}
                aria-valuenow={read + 1}
                aria-valuetext={`${named(read)}: ${readings(read).map(([name, text]) => `${name} ${text}`).join(', ')}`}
                onKeyDown={onKey}
                onBlur={() => setAt(null)}
                onPointerMove={onPointer}
                onPointerDown={onPointer}
                onPointerLeave={() => setAt(null)}
            >
                <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
                    {levels.map((value) => (
                        <g key={value} transform={`translate(0,${y(value)})`}>
                            <line className={value === 0 ? 'base-line' : 'grid-line'} x1={margin.left} x2={right} />
                            <text className="axis" x={margin.left - 8} dy="0.32em" textAnchor="end">
                                {short(value)}
                            </text>
                        </g>
                    ))}
                    {(chosen ?? labelPlaces(count, right - margin.left, tickWidth)).map((place) => (
                        <text className="axis" key={place} x={middle(place)} y={height - 6} textAnchor={middle(place) > right - 24 ? 'end' : 'middle'}>
                            {tick(place)}
                        </text>
                    ))}
                    {shownAt !== null && <rect className="column-at" x={margin.left + step * shownAt} width={step} y={margin.top} height={bottom - margin.top} />}
                    {columns.map((column, place) => {
                        let above = 0
                        let below = 0
                        return (
                            <g key={column.key} className={unfinished && place === count - 1 ? 'unfinished' : undefined}>
                                {column.values.map((value, i) => {
                                    if (!value) return null
                                    const from = value > 0 ? above : below
                                    if (value > 0) above += value
                                    else below += value
                                    const top = y(Math.max(from, from + value))
                                    return <rect key={parts[i]?.name ?? i} className={parts[i]?.tone} x={middle(place) - thick / 2} width={thick} y={top} height={Math.max(1, y(Math.min(from, from + value)) - top)} rx={thick > 6 ? 1.5 : 0} />
                                })}
                            </g>
                        )
                    })}
                </svg>
                {shownAt !== null && (
                    <div className={`tip${middle(shownAt) > width / 2 ? ' to-left' : ''}`} style={{ left: middle(shownAt) }} aria-hidden="true">
                        <p className="tip-title">{named(shownAt)}</p>
                        <div className="tip-rows">
                            {readings(shownAt).map(([name, text], i) => (
                                <div key={name} className="tip-row">
                                    <span className={parts[i] ? `swatch ${parts[i].tone}` : ''} />
                                    <span>{name}</span>
                                    <b>{text}</b>
                                </div>
                            ))}
                        </div>
                    </div>
                )}
            </div>
            {parts.length > 1 && (
                <ul className="legend">
                    {parts.map((part) => (
                        <li key={part.name}>
                            <span className={`swatch ${part.tone}`} /> {part.name}
                        </li>
                    ))}
                </ul>
            )}
        </div>
    )
}
