// Lines over time, each with the compared period behind it. The plot is one control: hover, or focus it and use the arrow keys,
// to read a point; drag over it to zoom in, where the page offers that.

import { extent } from 'd3-array'
import { scaleLinear } from 'd3-scale'
import { area, line } from 'd3-shape'
import { type KeyboardEvent, type PointerEvent, useState } from 'react'
import { labelPlaces } from './ticks'
import { useWidth } from './use_width'

export interface LinePoint {
    label: string
    value: number | null
}

export interface Line {
    name: string
    points: LinePoint[]
    /** Point for point what was before; may be of another length. */
    previous?: LinePoint[] | null
}

export interface LineChartProps {
    /** What the chart is of, for who does not see it. */
    label: string
    lines: Line[]
    height?: number
    /** In full: what is read at a point. */
    written: (value: number | null) => string
    /** Short, for the axis. */
    short: (value: number) => string
    /** A point's label in words, and on the axis. */
    bucket: (label: string) => string
    tick: (label: string) => string
    /** The last point is not over yet: drawn dashed. */
    unfinished?: boolean
    /** First and last label of what was dragged over. */
    onZoom?: (first: string, last: string) => void
}

const margin = { top: 12, right: 8, bottom: 24, left: 52 }

export function LineChart({ label, lines, height = 260, written, short, bucket, tick, unfinished, onZoom }: LineChartProps) {
    const [box, width] = useWidth()
    const [at, setAt] = useState<number | null>(null)
    const [dragged, setDragged] = useState<number | null>(null)
    const first = lines[0]
    const count = Math.max(0, ...lines.map((one) => one.points.length))
    if (!first || count === 0) return null

    const values = lines.flatMap((one) => [...one.points, ...(one.previous ?? []).slice(0, count)].map((point) => point.value ?? 0))
    const [least = 0, most = 0] = extent(values)
    const right = width - margin.right
    const bottom = height - margin.bottom
    const x = scaleLinear([0, Math.max(1, count - 1)], [margin.left, right])
    // round at the top alone: a little below zero is no reason for a whole step of the axis
    const [, top = 1] = scaleLinear().domain([0, Math.max(most, Number.EPSILON)]).nice(4).domain()
    const y = scaleLinear([Math.min(0, least), top], [bottom, margin.top])
    const compared = lines.some((one) => one.previous?.some((point) => point.value))

    const placed = (points: LinePoint[]) => points.slice(0, count).map((point, i) => [i, point.value] as const)
    const path = line<readonly [number, number | null]>()
        .defined(([, value]) => value !== null)
        .x(([i]) => x(i))
        .y(([, value]) => y(value ?? 0))
    const filled = area<readonly [number, number | null]>()
        .defined(([, value]) => value !== null)
        .x(([i]) => x(i))
        .y0(y(0))
        .y1(([, value]) => y(value ?? 0))

    const clamp = (i: number) => Math.max(0, Math.min(count - 1, i))
    const pointerAt = (event: PointerEvent) => {
        const left = event.currentTarget.getBoundingClientRect().left
        return clamp(Math.round(x.invert(event.clientX - left)))
    }
    const onKey = (event: KeyboardEvent) => {
        const now = at ?? count - 1
        const page = Math.max(1, Math.round(count / 10))
        const next: Record<string, number> = { ArrowLeft: now - 1, ArrowDown: now - 1, ArrowRight: now + 1, ArrowUp: now + 1, Home: 0, End: count - 1, PageDown: now - page, PageUp: now + page }
        if (event.key in next) {
            event.preventDefault()
            setAt(at === null && event.key !== 'Home' ? count - 1 : clamp(next[event.key] as number))
        } else if (event.key === 'Escape') {
            setAt(null)
        } else if (event.key === 'Enter' && onZoom && at !== null) {
            const place = first.points[at]?.label
            if (place) onZoom(place, place)
        }
    }
    const saying = (i: number) =>
        `${bucket(first.points[i]?.label ?? '')}: ` +
        lines
            .map((one) => {
                const before = one.previous?.[i]
                return `${lines.length > 1 ? `${one.name} ` : ''}${written(one.points[i]?.value ?? null)}${before ? `, before ${written(before.value)}` : ''}`
            })
            .join('; ')
    const shownAt = at === null ? null : clamp(at)
    const span = shownAt !== null && dragged !== null && dragged !== shownAt ? ([Math.min(dragged, shownAt), Math.max(dragged, shownAt)] as const) : null

    return (
        <div className="chart line-chart" ref={box}>
            <div
                className={`plot${onZoom ? ' zooms' : ''}`}
                role="slider"
                tabIndex={0}
                aria-label={`${label}. Arrow keys read the values.`}
                aria-valuemin={1}
                aria-valuemax={count}
                aria-valuenow={(shownAt ?? count - 1) + 1}
                aria-valuetext={saying(shownAt ?? count - 1)}
                onKeyDown={onKey}
                onBlur={() => setAt(null)}
                onPointerMove={(event) => setAt(pointerAt(event))}
                onPointerLeave={() => {
                    setAt(null)
                    setDragged(null)
                }}
                onPointerDown={(event) => onZoom && event.pointerType === 'mouse' && setDragged(pointerAt(event))}
                onPointerUp={() => {
                    if (span && onZoom) onZoom(first.points[span[0]]?.label ?? '', first.points[span[1]]?.label ?? '')
                    setDragged(null)
                }}
            >
                <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
                    {y.ticks(4).map((value) => (
                        <g key={value} transform={`translate(0,${y(value)})`}>
                            <line className={value === 0 ? 'base-line' : 'grid-line'} x1={margin.left} x2={right} />
                            <text className="axis" x={margin.left - 8} dy="0.32em" textAnchor="end">
                                {short(value)}
                            </text>
                        </g>
                    ))}
                    {labelPlaces(count, right - margin.left, 72).map((i) => (
                        <text className="axis" key={i} x={x(i)} y={height - 6} textAnchor={i === 0 ? 'start' : x(i) > right - 30 ? 'end' : 'middle'}>
                            {tick(first.points[i]?.label ?? '')}
                        </text>
                    ))}
                    {span && <rect className="zoom-span" x={x(span[0])} width={x(span[1]) - x(span[0])} y={margin.top} height={bottom - margin.top} />}
                    {lines.map((one, place) => {
                        const points = placed(one.points)
                        const last = points.at(-1)
                        const dashes = unfinished && points.length > 2
                        return (
                            <g key={one.name} className={`series series-${place}`}>
                                {lines.length === 1 && <path className="filled" d={filled(points) ?? ''} />}
                                {compared && one.previous && <path className="before" d={path(placed(one.previous)) ?? ''} />}
                                <path className="now" d={path(dashes ? points.slice(0, -1) : points) ?? ''} />
                                {dashes && <path className="now unfinished" d={path(points.slice(-2)) ?? ''} />}
                                {count === 1 && last && last[1] !== null && <circle className="dot" cx={x(0)} cy={y(last[1])} r={4} />}
                            </g>
                        )
                    })}
                    {shownAt !== null && (
                        <g className="cross">
                            <line x1={x(shownAt)} x2={x(shownAt)} y1={margin.top} y2={bottom} />
                            {lines.map((one, place) => {
                                const value = one.points[shownAt]?.value
                                return value === null || value === undefined ? null : <circle key={one.name} className={`dot series-${place}`} cx={x(shownAt)} cy={y(value)} r={4.5} />
                            })}
                        </g>
                    )}
                </svg>
                {shownAt !== null && (
                    <div className={`tip${x(shownAt) > width / 2 ? ' to-left' : ''}`} style={{ left: x(shownAt) }} aria-hidden="true">
                        <p className="tip-title">{bucket(first.points[shownAt]?.label ?? '')}</p>
                        {lines.map((one, place) => {
                            const before = one.previous?.[shownAt]
                            return (
                                <div key={one.name} className="tip-rows">
                                    <span className={`swatch series-${place}`} />
                                    <span>{one.name}</span>
                                    <b>{written(one.points[shownAt]?.value ?? null)}</b>
                                    {before && (
                                        <>
                                            <span className={`swatch before series-${place}`} />
                                            <span>{bucket(before.label)}</span>
                                            <b>{written(before.value)}</b>
                                        </>
                                    )}
                                </div>
                            )
                        })}
                    </div>
                )}
            </div>
            {(lines.length > 1 || compared) && (
                <ul className="legend">
                    {lines.map((one, place) => (
                        <li key={one.name}>
                            <span className={`swatch series-${place}`} /> {one.name}
                        </li>
                    ))}
                    {compared && (
                        <li>
                            <span className="swatch before series-0" /> Compared period
                        </li>
                    )}
                </ul>
            )}
        </div>
    )
}
