// Events as they come: by the stream of /api/live, resumed where it broke off; where there is none, by asking for the newest.

import { useCallback, useEffect, useRef, useState } from 'react'
import { ApiError, apiBase, authorization, rpc, send } from '../api/client'
import { appended, counted, type FeedEvent, type LiveEvent, merged, streamReader, summed } from './live_stream'

export type LiveState = 'connecting' | 'live' | 'polling' | 'retrying' | 'refused'

export interface Live {
    state: LiveState
    feed: FeedEvent[]
    /** By type, since the page was opened, what is not shown included. */
    counts: Record<string, number>
    error: ApiError | null
    /** The feed of before the page was opened has come. */
    ready: boolean
    retry: () => void
}

interface LiveBatch {
    events: LiveEvent[]
    counts: Record<string, number>
}

const pollEvery = 5000
const firstPause = 2000
const longestPause = 30_000

const start: Omit<Live, 'retry'> = { state: 'connecting', feed: [], counts: {}, error: null, ready: false }

/** onEvents: something came. */
export function useLive(store: string, onEvents: () => void): Live {
    const [live, setLive] = useState(start)
    const [round, setRound] = useState(0)
    const told = useRef(onEvents)
    told.current = onEvents

    useEffect(() => {
        const stop = new AbortController()
        let lastId = ''
        let failures = 0
        let nth = 0
        let timer: ReturnType<typeof setTimeout> | undefined
        let now = start
        setLive(now)

        const change = (part: Partial<typeof start>) => {
            if (stop.signal.aborted) return
            now = { ...now, ...part }
            setLive(now)
        }
        const later = (what: () => void, pause: number) => {
            if (!stop.signal.aborted) timer = setTimeout(what, pause)
        }

        const newest = async (fresh: boolean) => {
            const events = await send<LiveEvent[]>(rpc('recent_events', { n: fresh ? 100 : 50, store }), stop.signal)
            const { feed, added } = merged(now.feed, events, fresh)
            change({ feed, ready: true, error: null, counts: fresh ? summed(now.counts, counted(added)) : now.counts })
            if (fresh && added.length > 0) told.current()
        }

        const poll = () => {
            const again = () => later(poll, pollEvery)
            if (document.hidden) return again()
            newest(true).then(
                () => {
                    change({ state: 'polling' })
                    again()
                },
                (problem: unknown) => {
                    if (stop.signal.aborted) return
                    change({ error: asError(problem), state: refuses(problem) ? 'refused' : 'retrying' })
                    if (!refuses(problem)) again()
                },
            )
        }

        const listen = async () => {
            const answer = await fetch(`${apiBase()}/live?${new URLSearchParams({ store })}`, {
                headers: { Accept: 'text/event-stream', ...authorization(), ...(lastId ? { 'Last-Event-ID': lastId } : {}) },
                credentials: 'omit',
                cache: 'no-store',
                signal: stop.signal,
            })
            if (!answer.ok || !answer.body || !answer.headers.get('Content-Type')?.startsWith('text/event-stream')) {
                await answer.body?.cancel()
                throw new ApiError(answer.ok ? 404 : answer.status, String(answer.status), `the stream of events was answered with status ${answer.status}`)
            }
            change({ state: 'live', error: null })
            failures = 0
            const reader = streamReader(lastId)
            const chunks = answer.body.pipeThrough(new TextDecoderStream()).getReader()
            for (;;) {
                const { done, value } = await chunks.read()
                if (done) return reader.retry()
                for (const message of reader.feed(value)) {
                    if (message.event === 'reset') {
                        await newest(true)
                        told.current()
                    } else if (message.event === 'events') {
                        const batch = JSON.parse(message.data) as LiveBatch
                        nth += 1
                        change({ feed: appended(now.feed, batch.events, String(nth)), counts: summed(now.counts, batch.counts) })
                        told.current()
                    }
                }
                lastId = reader.lastId()
            }
        }

        const connect = () => {
            listen().then(
                (pause) => {
                    change({ state: 'retrying' })
                    later(connect, pause ?? firstPause)
                },
                (problem: unknown) => {
                    if (stop.signal.aborted) return
                    if (problem instanceof ApiError && problem.isAbsent) return poll()
                    if (refuses(problem)) return change({ state: 'refused', error: asError(problem) })
                    failures += 1
                    change({ state: 'retrying', error: failures > 1 ? asError(problem) : null })
                    later(connect, Math.min(longestPause, firstPause * 2 ** (failures - 1)))
                },
            )
        }

        newest(false).then(connect, (problem: unknown) => {
            if (stop.signal.aborted) return
            // a server without the newest events may still have the stream
            if (problem instanceof ApiError && problem.isAbsent) {
                change({ ready: true })
                return connect()
            }
            change({ state: 'refused', error: asError(problem) })
        })
        return () => {
            stop.abort()
            clearTimeout(timer)
        }
    }, [store, round])

    const retry = useCallback(() => setRound((n) => n + 1), [])
    return { ...live, retry }
}

function refuses(problem: unknown): boolean {
    return problem instanceof ApiError && (problem.isForbidden || problem.needsSignIn || problem.isAbsent)
}

function asError(problem: unknown): ApiError {
    return problem instanceof ApiError ? problem : new ApiError(0, 'unreachable', 'the server does not answer', null, 'It is tried again.')
}
