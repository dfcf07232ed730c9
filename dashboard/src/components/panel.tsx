// A panel: a heading, what may be done with it, and one of five states: loading, empty, failed, old, there.

import { type ReactNode, useId } from 'react'
import type { Answer } from '../api/use_api'
import { Failure, Loading, Stale } from './states'

export interface PanelProps<T> {
    title: string
    /** A line below the title. */
    note?: ReactNode
    /** Buttons at the right of the heading, where there is something to be done with. */
    actions?: ReactNode
    /** What stands there in every state, such as a search that found nothing. */
    always?: ReactNode
    answer: Answer<T>
    /** What to show instead where data says nothing; null where it says something. */
    empty?: (data: T) => ReactNode
    /** Of the place that loading takes up, so that nothing jumps. */
    height?: number
    className?: string
    children: (data: T) => ReactNode
}

export function Panel<T>({ title, note, actions, always, answer, empty, height, className, children }: PanelProps<T>) {
    const id = useId()
    const { data } = answer
    const instead = data !== null ? (empty?.(data) ?? null) : null
    return (
        <section className={`panel ${className ?? ''}`} aria-labelledby={id} aria-busy={answer.loading}>
            <header className="panel-head">
                <div>
                    <h2 id={id}>{title}</h2>
                    {note && <p className="note">{note}</p>}
                </div>
                {(actions || always) && (
                    <div className="actions">
                        {always}
                        {data !== null && !instead && actions}
                    </div>
                )}
            </header>
            <div className={`panel-body${answer.stale && answer.loading ? ' is-renewing' : ''}`}>
                <Stale answer={answer} />
                {data !== null ? (instead ?? children(data)) : answer.error ? <Failure answer={answer} /> : <Loading {...(height ? { height } : {})} />}
            </div>
        </section>
    )
}
