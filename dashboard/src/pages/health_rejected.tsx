// Rejected events: a look inside, and repair. What is mended is checked again by the same rules as everything that comes.

import { type FormEvent, useEffect, useId, useState } from 'react'
import { ApiError, patch, rows, rpc, send } from '../api/client'
import { signIn } from '../api/session'
import { forget, useApi } from '../api/use_api'
import { saveTwin } from '../components/figure'
import { Icon } from '../components/icons'
import { Panel } from '../components/panel'
import { Empty, Failure } from '../components/states'
import { instant } from '../format/dates'
import { sentence } from '../format/names'
import { count } from '../format/numbers'
import { useView } from '../state/context'
import { useParameter } from '../state/location'
import { jsonProblem, payloadLines, rawText } from './health_payload'

interface Rejected {
    rejected_id: number
    store_id: string
    received_at: string
    payload: unknown
    raw: string | null
    code: string
    pointer: string
    message: string
    status: 'open' | 'replayed' | 'discarded'
}

interface Replayed {
    accepted: number
    duplicates: number
    rejected: number
    errors: { code: string; pointer: string; message: string }[] | null
}

const states = ['open', 'replayed', 'discarded'] as const
const stateNames = { open: 'Open', replayed: 'Replayed', discarded: 'Discarded' }
const most = 50

export function RejectedPanel() {
    const { scope, profile } = useView()
    const [chosen, choose] = useParameter('rejected', 'open')
    const [open, setOpen] = useParameter('event')
    const [said, say] = useState('')
    const status = states.find((name) => name === chosen) ?? 'open'
    const rejected = useApi<Rejected[]>(
        rows('rejected_event', { select: 'rejected_id,store_id,received_at,payload,raw,code,pointer,message,status', store_id: `eq.${scope.store}`, status: `eq.${status}`, order: 'rejected_id.desc', limit: most + 1 }),
        { every: 30_000 },
    )
    const changed = (what: string) => {
        say(what)
        forget('/rejected_event')
        forget('/rpc/ingest_activity')
        rejected.reload()
    }
    if (rejected.error && (rejected.error.needsSignIn || rejected.error.isForbidden || rejected.error.isAbsent) && !rejected.data) {
        return (
            <section className="panel" aria-labelledby="rejected-title">
                <header className="panel-head">
                    <h2 id="rejected-title">Rejected events</h2>
                </header>
                <NeedsRight error={rejected.error} />
            </section>
        )
    }
    return (
        <Panel
            title="Rejected events"
            note="Each was kept whole. Edit one and it is checked again and taken in, or discard it."
            // asked anew every half minute and after each change: what is there stays until then
            answer={{ ...rejected, stale: rejected.error !== null && rejected.stale }}
            height={200}
            always={
                <div className="segmented" role="group" aria-label="Rejected events that are">
                    {states.map((name) => (
                        <button
                            key={name}
                            type="button"
                            aria-pressed={status === name}
                            onClick={() => {
                                say('')
                                choose(name)
                            }}
                        >
                            {stateNames[name]}
                        </button>
                    ))}
                </div>
            }
            actions={
                <button
                    type="button"
                    className="button quiet"
                    aria-label="Rejected events: download as CSV"
                    onClick={() =>
                        rejected.data &&
                        saveTwin('rejected_events', {
                            columns: [
                                { key: 'rejected_id', label: 'Id', value: (row: Rejected) => row.rejected_id },
                                { key: 'received_at', label: 'Received', value: (row: Rejected) => row.received_at },
                                { key: 'code', label: 'Code', value: (row: Rejected) => row.code },
                                { key: 'pointer', label: 'Pointer', value: (row: Rejected) => row.pointer },
                                { key: 'message', label: 'Message', value: (row: Rejected) => row.message },
                                { key: 'payload', label: 'Payload', value: textOf },
                            ],
                            rows: rejected.data,
                        })
                    }
                >
                    <Icon name="download" />
                    <span className="button-text">CSV</span>
                </button>
            }
            empty={(data) =>
                data.length === 0 ? (
                    <>
                        <Said text={said} />
                        <Empty title={status === 'open' ? 'Nothing is rejected' : status === 'replayed' ? 'Nothing was replayed yet' : 'Nothing was discarded'}>
                            {status === 'open' ? 'All that came was taken in.' : undefined}
                        </Empty>
                    </>
                ) : null
            }
        >
            {(data) => (
                <>
                    <Said text={said} />
                    <ul className="rejected" aria-label={`Rejected events, ${stateNames[status].toLowerCase()}`}>
                        {data.slice(0, most).map((row) => {
                            const isOpen = open === String(row.rejected_id)
                            return (
                                <li key={row.rejected_id}>
                                    <button type="button" className="rejected-head" aria-expanded={isOpen} onClick={() => setOpen(isOpen ? '' : String(row.rejected_id))}>
                                        <Icon name="down" />
                                        <span className="rejected-when">{instant(row.received_at, profile.timezone)}</span>
                                        <code className="rejected-code">{row.code}</code>
                                        <span className="rejected-message">{row.message}</span>
                                    </button>
                                    {isOpen && <Inside key={`${row.rejected_id} ${row.code} ${row.pointer}`} row={row} onChanged={changed} />}
                                </li>
                            )
                        })}
                    </ul>
                    {data.length > most && <p className="note figure-note">The newest {count(most)} are shown; there are more.</p>}
                </>
            )}
        </Panel>
    )
}

function Said({ text }: { text: string }) {
    return (
        <p className={text ? 'said' : 'visually-hidden'} role="status">
            {text && <Icon name="check" />} {text}
        </p>
    )
}

function textOf(row: Rejected): string {
    return row.payload === null || row.payload === undefined ? rawText(row.raw ?? '') : JSON.stringify(row.payload, null, 2)
}

function Inside({ row, onChanged }: { row: Rejected; onChanged: (what: string) => void }) {
    const [draft, setDraft] = useState<string | null>(null)
    const [busy, setBusy] = useState(false)
    const [error, setError] = useState<ApiError | null>(null)
    const [refused, setRefused] = useState<Replayed['errors']>(null)
    const id = useId()
    const text = textOf(row)
    const isJson = row.payload !== null && row.payload !== undefined
    const lines = isJson ? payloadLines(row.payload, row.pointer) : text.split('\n').map((line) => ({ text: line, mark: null }))
    const problem = draft === null ? null : jsonProblem(draft)
    const here = { rejected_id: `eq.${row.rejected_id}` }

    const attempt = async (what: () => Promise<string | null>) => {
        setBusy(true)
        setError(null)
        setRefused(null)
        try {
            const done = await what()
            if (done) onChanged(done)
        } catch (caught) {
            setError(caught instanceof ApiError ? caught : new ApiError(0, 'unreadable', String(caught)))
        }
        setBusy(false)
    }
    const replay = (values: Record<string, unknown> | null) =>
        attempt(async () => {
            if (values) await send(patch('rejected_event', here, values))
            const result = oneOf(await send<Replayed | Replayed[]>(rpc('replay_rejected', { ids: [row.rejected_id] })))
            if (!result || result.rejected > 0) {
                setRefused(result?.errors ?? [])
                return null
            }
            return result.duplicates > 0 ? 'It was there already: nothing counts twice.' : 'Replayed: reports count it from now on.'
        })
    const save = (event: FormEvent) => {
        event.preventDefault()
        if (draft !== null && !problem) void replay({ payload: JSON.parse(draft) as unknown, ...(row.status === 'open' ? {} : { status: 'open' }) })
    }
    return (
        <div className="inside">
            <dl className="facts inside-facts">
                <div className="fact">
                    <dt>What is wrong</dt>
                    <dd>{sentence(row.message)}</dd>
                </div>
                <div className="fact">
                    <dt>Where</dt>
                    <dd>{row.pointer ? <code>{row.pointer}</code> : 'The event as a whole'}</dd>
                </div>
                <div className="fact">
                    <dt>Number</dt>
                    <dd>{row.rejected_id}</dd>
                </div>
            </dl>
            {draft === null ? (
                <>
                    {!isJson && <p className="note">This is no JSON that can be kept as such; here is what was sent.</p>}
                    <div className="payload" role="region" aria-label="The event" tabIndex={0}>
                        <code>
                            {lines.map((line, place) => (
                                <span key={place} className={line.mark ? `line is-${line.mark}` : 'line'}>
                                    {line.mark === 'wrong' && <span className="visually-hidden">wrong here: </span>}
                                    {line.text || ' '}
                                </span>
                            ))}
                        </code>
                    </div>
                    {row.status !== 'replayed' && (
                        <div className="inside-actions">
                            <button type="button" className="button primary" disabled={busy} onClick={() => setDraft(text)}>
                                Edit
                            </button>
                            {row.status === 'open' ? (
                                <>
                                    <button type="button" className="button" disabled={busy || !isJson} onClick={() => void replay(null)}>
                                        Replay as it is
                                    </button>
                                    <button
                                        type="button"
                                        className="button"
                                        disabled={busy}
                                        onClick={() =>
                                            void attempt(async () => {
                                                await send(patch('rejected_event', here, { status: 'discarded' }))
                                                return 'Discarded. It stands under “Discarded”, and can be opened again.'
                                            })
                                        }
                                    >
                                        Discard
                                    </button>
                                </>
                            ) : (
                                <button
                                    type="button"
                                    className="button"
                                    disabled={busy}
                                    onClick={() =>
                                        void attempt(async () => {
                                            await send(patch('rejected_event', here, { status: 'open' }))
                                            return 'It is open again.'
                                        })
                                    }
                                >
                                    Open again
                                </button>
                            )}
                        </div>
                    )}
                </>
            ) : (
                <form onSubmit={save}>
                    <label htmlFor={id} className="inside-label">
                        The event, as it should have been
                    </label>
                    <textarea
                        id={id}
                        className="payload"
                        rows={Math.min(24, Math.max(8, draft.split('\n').length + 1))}
                        spellCheck={false}
                        value={draft}
                        autoFocus
                        onChange={(event) => setDraft(event.target.value)}
                        aria-invalid={problem !== null}
                        aria-describedby={problem ? `${id}-problem` : undefined}
                    />
                    {problem && (
                        <p id={`${id}-problem`} className="field-error">
                            {problem}
                        </p>
                    )}
                    <div className="inside-actions">
                        <button type="submit" className="button primary" disabled={busy || problem !== null}>
                            Save and replay
                        </button>
                        <button type="button" className="button" disabled={busy} onClick={() => setDraft(null)}>
                            Cancel
                        </button>
                    </div>
                </form>
            )}
            {refused && (
                <div className="field-error" role="alert">
                    {refused.length > 0 ? (
                        refused.map((one) => (
                            <p key={one.pointer + one.code}>
                                It is still refused: {one.message}
                                {one.pointer && (
                                    <>
                                        {' '}
                                        (<code>{one.pointer}</code>)
                                    </>
                                )}
                                .
                            </p>
                        ))
                    ) : (
                        <p>It was not taken in.</p>
                    )}
                </div>
            )}
            {error && (error.isForbidden || error.needsSignIn ? <NeedsRight error={error} /> : <Failure answer={{ error, reload: () => setError(null) }} />)}
        </div>
    )
}

/** A function of one row is an object, in some versions of PostgREST a list of one. */
function oneOf<T>(value: T | T[] | null): T | null {
    return Array.isArray(value) ? (value[0] ?? null) : value
}

/** Which right is missing, and the way to one who has it. */
function NeedsRight({ error }: { error: ApiError }) {
    const [value, setValue] = useState('')
    const id = useId()
    useEffect(() => setValue(''), [error])
    const submit = (event: FormEvent) => {
        event.preventDefault()
        if (value.trim()) signIn(value)
    }
    return (
        <div className="needs">
            <p className="state-title">
                <Icon name="lock" /> For writers and administrators
            </p>
            <p>
                {error.needsSignIn ? 'Who asks without a token reads reports alone.' : 'Your token is of a role that may not do this.'} Rejected events hold what was sent, customers’ ids included, so they need the level <b>writer</b>: an
                administrator gives it with <code>SELECT analytics.grant_access('…', 'writer')</code>.
            </p>
            <form className="pick" onSubmit={submit}>
                <label htmlFor={id} className="visually-hidden">
                    Token of a writer
                </label>
                <input id={id} type="password" autoComplete="off" spellCheck={false} placeholder="Token of a writer" value={value} onChange={(event) => setValue(event.target.value)} />
                <button type="submit" className="button" disabled={!value.trim()}>
                    Sign in
                </button>
            </form>
        </div>
    )
}
