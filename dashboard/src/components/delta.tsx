// A change against the compared period: sign, arrow and colour say the same.

import { change } from '../format/numbers'

export function Delta({ percent, previous, lessIsBetter = false }: { percent: number | null | undefined; previous?: string; lessIsBetter?: boolean }) {
    if (percent === null || percent === undefined) {
        return <span className="delta flat">{previous ? 'no comparison' : ''}</span>
    }
    const good = percent === 0 ? 'flat' : percent > 0 !== lessIsBetter ? 'good' : 'bad'
    return (
        <span className={`delta ${good}`} title={previous && `Before: ${previous}`}>
            <span aria-hidden="true">{percent > 0 ? '▲' : percent < 0 ? '▼' : '='}</span> {change(percent)}
            {previous && <span className="visually-hidden"> against {previous}</span>}
        </span>
    )
}
