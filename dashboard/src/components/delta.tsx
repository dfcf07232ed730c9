// A change against the compared period: sign, arrow and colour say the same.

import { change } from '../format/numbers'

export interface DeltaProps {
    /** null: there was nothing before. */
    percent: number | null | undefined
    /** The value before, as text. */
    previous?: string
    lessIsBetter?: boolean
    otherwise?: string
}

export function Delta({ percent, previous, lessIsBetter = false, otherwise = '–' }: DeltaProps) {
    if (percent === null || percent === undefined) return <span className="delta flat">{otherwise}</span>
    const sign = Math.abs(percent) < 0.05 ? 0 : Math.sign(percent) // what rounds to nothing is no change
    const good = sign === 0 ? 'flat' : sign > 0 !== lessIsBetter ? 'good' : 'bad'
    return (
        <span className={`delta ${good}`} title={previous && `Before: ${previous}`}>
            <span aria-hidden="true">{['▼', '=', '▲'][sign + 1]}</span> {change(percent)}
            {previous && <span className="visually-hidden"> against {previous}</span>}
        </span>
    )
}
