import { act, cleanup, render, screen, waitFor } from '@testing-library/react'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { address, ApiError, patch, rows, rpc, send } from '../../src/api/client'
import { signIn, signOut } from '../../src/api/session'
import { useApi } from '../../src/api/use_api'

const answers = vi.fn<(url: string, init: RequestInit) => Promise<Response>>()
const json = (status: number, body: unknown) => new Response(JSON.stringify(body), { status })

beforeEach(() => vi.stubGlobal('fetch', answers))
afterEach(() => {
    cleanup()
    answers.mockReset()
    signOut()
    vi.unstubAllGlobals()
})

describe('requests', () => {
    it('pass arguments in the body, so that limit is an argument', async () => {
        answers.mockResolvedValue(json(200, { orders: 1 }))
        await send(rpc('visualize', { metric: 'orders', limit: 3, store: undefined }))
        const [url, init] = answers.mock.calls[0]!
        expect(url).toBe('/api/rpc/visualize')
        expect(init.method).toBe('POST')
        expect(JSON.parse(init.body as string)).toEqual({ metric: 'orders', limit: 3 })
    })

    it('encode filters of relations', () => {
        expect(address(rows('customer', { order: 'net_sales.desc', store_id: 'eq.a&b' }))).toBe('/api/customer?order=net_sales.desc&store_id=eq.a%26b')
        expect(patch('rejected_event', { rejected_id: 'eq.7' }, { status: 'discarded' })).toMatchObject({ method: 'PATCH', body: { status: 'discarded' } })
    })

    it('carry the token, in this tab’s session alone', async () => {
        signIn(' abc.def ')
        answers.mockResolvedValue(json(200, []))
        await send(rows('customer'))
        expect((answers.mock.calls[0]![1].headers as Record<string, string>).Authorization).toBe('Bearer abc.def')
        expect(sessionStorage.getItem('analytics-token')).toBe('abc.def')
        expect(JSON.stringify(localStorage)).not.toContain('abc.def')
    })

    it('fail with what the server says', async () => {
        answers.mockResolvedValue(json(400, { code: '22023', message: 'invalid grain', details: 'Got "x".', hint: 'Use day.' }))
        await expect(send(rpc('visualize'))).rejects.toMatchObject({ status: 400, code: '22023', message: 'invalid grain', hint: 'Use day.' })
        answers.mockResolvedValue(new Response('<html>', { status: 502 }))
        await expect(send(rpc('visualize'))).rejects.toMatchObject({ status: 502 })
        answers.mockRejectedValue(new TypeError('network'))
        await expect(send(rpc('visualize'))).rejects.toMatchObject({ status: 0, code: 'unreachable' })
        expect(new ApiError(404, 'PGRST202', '').isAbsent).toBe(true)
    })
})

function Probe({ n }: { n: number }) {
    const answer = useApi<number>(rpc('probe', { n }))
    return (
        <p>
            {`${answer.data} ${answer.error?.message ?? 'no error'}${answer.loading ? ' loading' : ''}${answer.stale ? ' stale' : ''}`}
            <button onClick={answer.reload}>reload</button>
        </p>
    )
}

describe('useApi', () => {
    it('shows the last answer while the next one comes, and keeps it when that fails', async () => {
        answers.mockImplementation(async (_, init) => json(200, JSON.parse(init.body as string).n))
        const page = render(<Probe n={1} />)
        expect(screen.getByText(/null no error loading/)).toBeTruthy()
        await screen.findByText(/^1 no error/)
        page.rerender(<Probe n={2} />)
        expect(screen.getByText(/1 no error loading stale/)).toBeTruthy()
        await screen.findByText(/^2 no error/)
        answers.mockImplementation(async () => json(500, { message: 'broken' }))
        act(() => screen.getByText('reload').click())
        await screen.findByText(/2 broken stale/)
    })

    it('asks once for what it has just had', async () => {
        answers.mockImplementation(async () => json(200, 5))
        render(<Probe n={50} />)
        await screen.findByText(/^5 /)
        cleanup()
        render(<Probe n={50} />)
        expect(screen.getByText(/^5 no error/)).toBeTruthy()
        expect(answers).toHaveBeenCalledTimes(1)
    })

    it('breaks off what nobody waits for', async () => {
        const signals: AbortSignal[] = []
        answers.mockImplementation((_, init) => {
            signals.push(init.signal as AbortSignal)
            return new Promise(() => {})
        })
        const page = render(<Probe n={61} />)
        page.rerender(<Probe n={62} />)
        await waitFor(() => expect(signals).toHaveLength(2))
        expect(signals.map((signal) => signal.aborted)).toEqual([true, false])
    })

    it('forgets all answers when somebody else signs in', async () => {
        answers.mockImplementation(async () => json(200, 7))
        render(<Probe n={70} />)
        await screen.findByText(/^7 /)
        cleanup()
        signIn('other')
        render(<Probe n={70} />)
        expect(screen.getByText(/^null/)).toBeTruthy()
        await screen.findByText(/^7 /)
    })
})
