// One hook for data: answers are kept by request, shown at once when they are asked for again, and renewed behind.

import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react'
import { ApiError, type ApiRequest, send } from './client'
import { onSession, sessionNumber } from './session'

export interface Answer<T> {
    /** The newest answer. While another request runs, that of the one before. */
    data: T | null
    error: ApiError | null
    loading: boolean
    /** data is of another request, or the last try to renew it failed. */
    stale: boolean
    /** When data came, in ms. */
    at: number | null
    reload: () => void
}

interface Kept {
    data: unknown
    at: number
}

const kept = new Map<string, Kept>()
const mostKept = 200
onSession(() => kept.clear())

/** Answers are fresh for so long: pages that are turned back and forth ask once. */
const freshFor = 15_000

export function keyOf(request: ApiRequest): string {
    return JSON.stringify([request.method, request.path, request.query ?? null, request.body ?? null])
}

function keep(key: string, data: unknown): Kept {
    const entry = { data, at: Date.now() }
    kept.delete(key)
    kept.set(key, entry)
    if (kept.size > mostKept) kept.delete(kept.keys().next().value as string)
    return entry
}

/** Forgets answers, after something was changed by hand. */
export function forget(path: string): void {
    for (const key of kept.keys()) if (key.includes(`"${path}"`)) kept.delete(key)
}

/**
 * What the API answers to request; nothing is asked while it is null. every: asks again after so many ms, while the page is
 * visible.
 */
export function useApi<T>(request: ApiRequest | null, options: { every?: number } = {}): Answer<T> {
    const session = useSyncExternalStore(onSession, sessionNumber)
    const key = request && `${session} ${keyOf(request)}`
    const current = useRef(request)
    current.current = request
    const shown = useRef<{ key: string; session: number; entry: Kept } | null>(null)
    const [state, setState] = useState<{ key: string | null; error: ApiError | null; loading: boolean }>({ key: null, error: null, loading: false })
    const [round, setRound] = useState(0)
    const every = options.every

    if (key && kept.has(key)) shown.current = { key, session, entry: kept.get(key) as Kept }
    if (!key || shown.current?.session !== session) shown.current = null

    useEffect(() => {
        if (!key) return
        const entry = kept.get(key)
        if (entry && round === 0 && Date.now() - entry.at < freshFor) {
            setState({ key, error: null, loading: false })
            return
        }
        const stop = new AbortController()
        setState((before) => ({ key, error: before.key === key ? before.error : null, loading: true }))
        send<T>(current.current as ApiRequest, stop.signal).then(
            (data) => {
                if (stop.signal.aborted) return
                keep(key, data)
                setState({ key, error: null, loading: false })
            },
            (problem: unknown) => {
                if (stop.signal.aborted) return
                const error = problem instanceof ApiError ? problem : new ApiError(0, 'unreadable', String(problem))
                setState({ key, error, loading: false })
            },
        )
        return () => stop.abort()
    }, [key, round])

    useEffect(() => {
        if (!every || !key) return
        const timer = setInterval(() => {
            if (!document.hidden) setRound((n) => n + 1)
        }, every)
        return () => clearInterval(timer)
    }, [every, key])

    const reload = useCallback(() => setRound((n) => n + 1), [])
    const entry = shown.current?.entry ?? null
    const isCurrent = shown.current?.key === key
    const error = state.key === key ? state.error : null
    return {
        data: (entry?.data ?? null) as T | null,
        error,
        loading: key !== null && !error && (state.key !== key || state.loading),
        stale: entry !== null && (!isCurrent || error !== null),
        at: entry?.at ?? null,
        reload,
    }
}
