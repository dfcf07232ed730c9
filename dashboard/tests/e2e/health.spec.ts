// Health: how things stand, and rejected events: read, mended, put away, by whoever may.

import type { Page } from '@playwright/test'
import { expect, expectAccessible, settled, test } from './dashboard'

const rejected = {
    rejected_id: 7,
    store_id: 'online-retail',
    received_at: '2026-03-01T12:00:00Z',
    payload: { event: 'purchase', items: [{ price: 'ten', product_id: 'mug' }] },
    raw: null,
    code: 'invalid_number',
    pointer: '/items/0/price',
    message: 'price is "ten"; a number like 19.90 is wanted',
    status: 'open',
}

/** A server with one rejected event: what is sent to it, in order. */
async function withRejected(page: Page, answers: Record<string, unknown>[] = []): Promise<[string, unknown][]> {
    const sent: [string, unknown][] = []
    let row: typeof rejected | null = rejected
    await page.route('**/api/rejected_event?*', async (route) => {
        if (route.request().method() === 'PATCH') {
            const values = route.request().postDataJSON() as Record<string, unknown>
            sent.push(['PATCH', values])
            if (values.status === 'discarded') row = null
            return route.fulfill({ status: 204, body: '' })
        }
        return route.fulfill({ json: row && route.request().url().includes('status=eq.open') ? [row] : [] })
    })
    await page.route('**/api/rpc/replay_rejected', (route) => {
        sent.push(['replay', route.request().postDataJSON()])
        const answer = answers.shift() ?? { accepted: 1, duplicates: 0, rejected: 0, errors: [] }
        if (answer.rejected === 0) row = null
        return route.fulfill({ json: answer })
    })
    return sent
}

test('the state in words, figures, models and rollups of the server', async ({ page, request }) => {
    const health = (await (await request.post('/api/rpc/health', { data: {} })).json()) as { version: string; rollups: { name: string }[]; problems: string[] }
    await page.goto('/health?store=online-retail')
    await settled(page)
    await expect(page.getByText(`Version ${health.version}`)).toBeVisible()
    if (health.problems.length === 0) await expect(page.getByRole('heading', { name: /All is well|things? want/ })).toBeVisible()
    await expect(page.getByRole('region', { name: 'Rollups: table' }).getByRole('row')).toHaveCount(health.rollups.length + 1)
})

test('what is wrong comes with what to do', async ({ page }) => {
    await page.route('**/api/rpc/health', async (route) => {
        const answer = await route.fetch()
        await route.fulfill({ json: { ...((await answer.json()) as object), problems: ['events of more than a minute ago are not merged yet, and no refresh worker runs'], lag_seconds: 300, pending_rows: 10000 } })
    })
    await page.goto('/health?store=online-retail')
    await settled(page)
    await expect(page.getByRole('heading', { name: 'It serves, but' })).toBeVisible()
    await expect(page.getByText('SELECT analytics.schedule()').first()).toBeVisible()
    await expect(page.getByRole('region', { name: 'Key figures' })).toContainText('10,000+')
    await expectAccessible(page)
})

test('who may not read rejected events is told which right that needs', async ({ page }) => {
    await page.goto('/health?store=online-retail')
    await settled(page)
    const panel = page.getByRole('region', { name: 'Rejected events' })
    await expect(panel.getByText('they need the level writer')).toBeVisible()
    await expect(panel.getByRole('button', { name: 'Sign in' })).toBeDisabled()
})

test('a rejected event is looked into and mended', async ({ page }) => {
    const sent = await withRejected(page, [{ accepted: 0, duplicates: 0, rejected: 1, errors: [{ code: 'invalid_number', pointer: '/items/0/price', message: 'price is "x"; a number like 19.90 is wanted' }] }])
    await page.goto('/health?store=online-retail')
    await settled(page)
    const panel = page.getByRole('region', { name: 'Rejected events' })
    await panel.getByRole('button', { name: /invalid_number/ }).press('Enter')
    await expect(panel.locator('.line.is-wrong')).toHaveText(/"price": "ten"/)
    await expectAccessible(page)
    await panel.getByRole('button', { name: 'Edit' }).click()
    const draft = panel.getByRole('textbox', { name: /The event/ })
    await draft.fill('{"event":')
    await expect(panel.getByText('This is no JSON yet')).toBeVisible()
    await expect(panel.getByRole('button', { name: 'Save and replay' })).toBeDisabled()
    await expectAccessible(page)
    await draft.fill('{"event":"purchase","items":[{"price":"x"}]}')
    await panel.getByRole('button', { name: 'Save and replay' }).click()
    await expect(panel.getByRole('alert')).toContainText('It is still refused: price is "x"')
    await draft.fill('{"event":"purchase","items":[{"price":"10","product_id":"mug"}]}')
    await panel.getByRole('button', { name: 'Save and replay' }).click()
    await expect(panel.getByText('Replayed: reports count it from now on.')).toBeVisible()
    await expect(panel.getByText('Nothing is rejected')).toBeVisible()
    expect(sent).toEqual([
        ['PATCH', { payload: { event: 'purchase', items: [{ price: 'x' }] } }],
        ['replay', { ids: [7] }],
        ['PATCH', { payload: { event: 'purchase', items: [{ price: '10', product_id: 'mug' }] } }],
        ['replay', { ids: [7] }],
    ])
})

test('one is discarded', async ({ page }) => {
    const sent = await withRejected(page)
    await page.goto('/health?store=online-retail&event=7')
    const panel = page.getByRole('region', { name: 'Rejected events' })
    await panel.getByRole('button', { name: 'Discard', exact: true }).click()
    await expect(panel.getByText('Nothing is rejected')).toBeVisible()
    expect(sent).toEqual([['PATCH', { status: 'discarded' }]])
})

test('who may read, and not change, is told', async ({ page }) => {
    await withRejected(page)
    await page.route('**/api/rpc/replay_rejected', (route) => route.fulfill({ status: 403, json: { code: '42501', message: 'permission denied for function replay_rejected', details: null, hint: null } }))
    await page.goto('/health?store=online-retail&event=7')
    const panel = page.getByRole('region', { name: 'Rejected events' })
    await panel.getByRole('button', { name: 'Replay as it is' }).click()
    await expect(panel.getByText('Your token is of a role that may not do this.')).toBeVisible()
})

test('what is no JSON is shown as it was sent', async ({ page }) => {
    await page.route('**/api/rejected_event?*', (route) => route.fulfill({ json: [{ ...rejected, payload: null, raw: '\\x7b226576656e74223a', code: 'invalid_json', pointer: '', message: 'the line ends within an object' }] }))
    await page.goto('/health?store=online-retail&event=7')
    const panel = page.getByRole('region', { name: 'Rejected events' })
    await expect(panel.getByRole('region', { name: 'The event' })).toHaveText('{"event":')
    await expect(panel.getByRole('button', { name: 'Replay as it is' })).toBeDisabled()
})
