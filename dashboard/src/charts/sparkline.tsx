// A line as large as a word. It only goes with the figure that it stands beside, so it has no text of its own.

import { extent } from 'd3-array'
import { scaleLinear } from 'd3-scale'
import { line } from 'd3-shape'

export function Sparkline({ values, width = 120, height = 32 }: { values: (number | null)[]; width?: number; height?: number }) {
    const [least = 0, most = 0] = extent(values.map((value) => value ?? 0))
    const x = scaleLinear([0, Math.max(1, values.length - 1)], [1, width - 3])
    const y = scaleLinear([Math.min(0, least), most || 1], [height - 2, 3])
    const path = line<number | null>()
        .defined((value) => value !== null)
        .x((_, i) => x(i))
        .y((value) => y(value ?? 0))
    const last = values.at(-1)
    return (
        <svg className="sparkline" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
            <path d={path(values) ?? ''} />
            {last !== null && last !== undefined && <circle cx={x(values.length - 1)} cy={y(last)} r="2" />}
        </svg>
    )
}
