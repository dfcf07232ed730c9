// Requests in PostgREST's dialect: relations by GET, functions by POST (so that arguments named limit and offset are arguments).

import { askToSignIn, token } from './session'

export class ApiError extends Error {
    constructor(
        readonly status: number,
        readonly code: string,
        message: string,
        readonly details: string | null = null,
        readonly hint: string | null = null,
    ) {
        super(message)
        this.name = 'ApiError'
    }

    /** The server has no such function or relation: an older one, or one without this part. */
    get isAbsent(): boolean {
        return this.status === 404 || this.code === '0A000' || this.code === '42883' || this.code === '42P01'
    }

    /** The server wants a token, or another one. */
    get needsSignIn(): boolean {
        return this.status === 401 && this.code !== '42501'
    }

    /** Who asks may not see this; a role without a token is told so by 401, others by 403. */
    get isForbidden(): boolean {
        return this.status === 403 || this.code === '42501'
    }
}

export type Parameters = Record<string, string | number | boolean | null | undefined>

export interface ApiRequest {
    method: 'GET' | 'POST' | 'PATCH'
    path: string
    query?: Parameters
    body?: unknown
}

/** A function's call. Arguments that are undefined are left to their defaults. */
export function rpc(name: string, args: Record<string, unknown> = {}): ApiRequest {
    return { method: 'POST', path: `/rpc/${name}`, body: args }
}

/** Rows of a relation: `rows('customer', { order: 'net_sales.desc', limit: 20 })`. */
export function rows(name: string, query: Parameters = {}): ApiRequest {
    return { method: 'GET', path: `/${name}`, query }
}

/** Changes rows of a relation: `patch('rejected_event', { rejected_id: 'eq.7' }, { status: 'discarded' })`. */
export function patch(name: string, query: Parameters, values: Record<string, unknown>): ApiRequest {
    return { method: 'PATCH', path: `/${name}`, query, body: values }
}

export function apiBase(): string {
    const meta = document.querySelector<HTMLMetaElement>('meta[name="analytics-api"]')
    return (meta?.content ?? '/api').replace(/\/$/, '')
}

export function address(request: ApiRequest): string {
    const query = new URLSearchParams()
    for (const [name, value] of Object.entries(request.query ?? {})) {
        if (value !== undefined && value !== null) query.append(name, String(value))
    }
    const text = query.toString()
    return apiBase() + request.path + (text ? `?${text}` : '')
}

export function authorization(): Record<string, string> {
    const value = token()
    return value ? { Authorization: `Bearer ${value}` } : {}
}

export async function send<T>(request: ApiRequest, signal?: AbortSignal): Promise<T> {
    const headers: Record<string, string> = { Accept: 'application/json', ...authorization() }
    if (request.body !== undefined) headers['Content-Type'] = 'application/json'
    let answer: Response
    try {
        answer = await fetch(address(request), {
            method: request.method,
            headers,
            body: request.body === undefined ? null : JSON.stringify(request.body),
            credentials: 'omit',
            signal: signal ?? null,
        })
    } catch (problem) {
        if (signal?.aborted) throw problem
        throw new ApiError(0, 'unreachable', 'the server does not answer', null, 'Is the database running, and this machine connected to it?')
    }
    const text = await answer.text()
    if (!answer.ok) {
        const error = errorOf(answer.status, text)
        if (error.needsSignIn) askToSignIn(token() === null ? null : error.message)
        throw error
    }
    return (text ? JSON.parse(text) : null) as T
}

function errorOf(status: number, text: string): ApiError {
    try {
        const body = JSON.parse(text) as { code?: string; message?: string; details?: string | null; hint?: string | null }
        return new ApiError(status, body.code ?? String(status), body.message ?? `status ${status}`, body.details ?? null, body.hint ?? null)
    } catch {
        return new ApiError(status, String(status), `the server answered with status ${status}`)
    }
}
