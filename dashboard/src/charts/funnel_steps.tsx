// Steps of a funnel: bars of one length scale, and between them what went on. The compared period is a mark on each bar.

import { count, percent } from '../format/numbers'

export interface Step {
    name: string
    value: number
    previous: number | null
}

export function FunnelSteps({ label, steps }: { label: string; steps: Step[] }) {
    const first = steps[0]
    if (!first) return null
    // shares of each period's own first step: more sessions than before are no better funnel
    const share = (step: Step) => (first.value > 0 ? step.value / first.value : 0)
    const before = (step: Step) => (first.previous && step.previous !== null ? step.previous / first.previous : null)
    return (
        <ol className="funnel-steps" aria-label={label}>
            {steps.map((step, place) => {
                const above = steps[place - 1]
                const goesOn = above && above.value > 0 ? step.value / above.value : null
                const was = before(step)
                return (
                    <li key={step.name}>
                        {above && (
                            <p className="funnel-between">
                                <span aria-hidden="true">↓</span> {percent(goesOn)} go on <span className="funnel-lost">{count(above.value - step.value)} leave</span>
                            </p>
                        )}
                        <div className="funnel-row">
                            <span className="funnel-name">{step.name}</span>
                            <span className="funnel-track">
                                <span className="funnel-fill" style={{ width: `${share(step) * 100}%` }} />
                                {was !== null && <span className="funnel-before" style={{ left: `${Math.min(1, was) * 100}%` }} title={`Before: ${percent(was)}`} />}
                            </span>
                            <span className="funnel-value">{count(step.value)}</span>
                            <span className="funnel-share">
                                {percent(share(step))}
                                {was !== null && <small>{percent(was)} before</small>}
                            </span>
                        </div>
                    </li>
                )
            })}
        </ol>
    )
}
