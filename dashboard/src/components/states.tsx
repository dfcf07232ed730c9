// What stands in a panel's place while there is nothing to draw, and the line above what is drawn but old.

import type { ReactNode } from 'react'
import type { Answer } from '../api/use_api'
import { clock } from '../format/dates'
import { Icon } from './icons'

export function Loading({ height = 220 }: { height?: number }) {
    return (
        <div className="state state-loading" role="status" style={{ minHeight: height }}>
            <span className="visually-hidden">Loading</span>
            <span className="bar" />
            <span className="bar" />
            <span className="bar" />
        </div>
    )
}

export function Empty({ title, children }: { title: string; children?: ReactNode }) {
    return (
        <div className="state state-empty">
            <p className="state-title">{title}</p>
            {children && <p>{children}</p>}
        </div>
    )
}

export function Failure({ answer }: { answer: Pick<Answer<unknown>, 'error' | 'reload'> }) {
    const error = answer.error
    if (!error) return null
    const absent = error.isAbsent
    return (
        <div className="state state-error" role={absent ? undefined : 'alert'}>
            <p className="state-title">
                <Icon name="warning" /> {absent ? 'Not served here' : error.isForbidden ? 'Not yours to see' : 'This could not be read'}
            </p>
            <p>{absent ? 'The server has no such report. It may be of an older version.' : sentence(error.message)}</p>
            {!absent && error.hint && <p>{error.hint}</p>}
            {!absent && (
                <button type="button" className="button" onClick={answer.reload}>
                    Try again
                </button>
            )}
        </div>
    )
}

export function Stale({ answer }: { answer: Answer<unknown> }) {
    if (!answer.error || answer.at === null) return null
    const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
    return (
        <p className="stale" role="status">
            <Icon name="warning" />
            <span>
                As of {clock(new Date(answer.at).toISOString(), zone)}: {answer.error.message}.
            </span>
            <button type="button" className="link" onClick={answer.reload}>
                Try again
            </button>
        </p>
    )
}

function sentence(message: string): string {
    const text = message.charAt(0).toUpperCase() + message.slice(1)
    return /[.!?]$/.test(text) ? text : `${text}.`
}
