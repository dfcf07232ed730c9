// Live: by the stream, by asking where there is none; held; and when nothing happens.

import { expect, expectAccessible, settled, test } from './dashboard'

const event = (order: string, part: Record<string, unknown> = {}) => ({
    event_type: 'purchase',
    occurred_at: new Date().toISOString(),
    store_id: 'online-retail',
    order_id: order,
    product_id: null,
    quantity: 2,
    value: 12.5,
    currency: 'GBP',
    channel: 'web',
    country: 'GB',
    device: 'mobile',
    ...part,
})

const stream = (id: string, events: unknown[]) => `retry: 200\n\nid: ${id}\nevent: events\ndata: ${JSON.stringify({ as_of: '', events, counts: { purchase: events.length }, dropped: 0 })}\n\n`

test('the stream is resumed from where it broke off, and nothing comes twice', async ({ page }) => {
    const from: (string | undefined)[] = []
    await page.route('**/api/live?*', async (route) => {
        const id = route.request().headers()['last-event-id']
        from.push(id)
        if (from.length > 2) return // (stays open)
        await route.fulfill({ headers: { 'Content-Type': 'text/event-stream' }, body: stream(id ? '2:2:' : '1:1:', [event(id ? 'second' : 'first')]) })
    })
    await page.goto('/live?store=online-retail')
    const feed = page.getByRole('region', { name: 'Events: the newest' })
    await expect(feed.getByText('Order second')).toHaveCount(1)
    await expect(feed.getByText('Order first')).toHaveCount(1)
    await expect.poll(() => from.slice(0, 3)).toEqual([undefined, '1:1:', '2:2:'])
    await expect(page.getByRole('button', { name: /^Purchase 2/ })).toBeVisible()
})

test('an order that a shop posts comes by the stream, and into the figures', async ({ page, request }) => {
    const store = 'posted-orders'
    const post = async (order: string) => {
        const answer = await request.post('/api/ingest', { data: { event: 'purchase', store, order_id: order, items: ['mug', 'plate'].map((product) => ({ product_id: product, price: '12.50', quantity: 2 })) } })
        expect(await answer.json()).toMatchObject({ accepted: 1 })
    }
    const order = `posted-${Date.now()}`
    await post(`${order}-before`)
    let asked = 0
    page.on('request', (sent) => void (asked += Number(sent.url().endsWith('/rpc/recent_events'))))
    await page.goto(`/live?store=${store}`)
    await settled(page)
    await expect(page.getByText('Live: events are here within a second')).toBeVisible()
    const purchases = page.getByRole('region', { name: 'Key figures of the last 30 minutes' }).locator('.card', { hasText: 'Purchases' }).locator('.card-value')
    const before = Number(await purchases.textContent())
    expect(before).toBeGreaterThan(0)
    await post(order)
    const row = page.getByRole('region', { name: 'Events: the newest' }).getByRole('row', { name: new RegExp(`Order ${order} `) })
    await expect(row).toHaveCount(1)
    await expect(row).toContainText('50.00')
    await expect(purchases).toHaveText(String(before + 1))
    expect(asked).toBe(1) // what was there before; the stream brought the rest
})

test('without a stream the newest are asked for, and only what is new counts', async ({ page }) => {
    let asked = 0
    await page.route('**/api/live?*', (route) => route.fulfill({ status: 404, json: { code: 'PGRST202', message: 'no such function' } }))
    const old = event('old', { occurred_at: new Date(Date.now() - 60_000).toISOString() })
    const fresh = event('fresh')
    await page.route('**/api/rpc/recent_events', (route) => route.fulfill({ json: asked++ === 0 ? [old] : [fresh, old] }))
    await page.goto('/live?store=online-retail')
    await expect(page.getByText('Asked every five seconds')).toBeVisible()
    const feed = page.getByRole('region', { name: 'Events: the newest' })
    await expect(feed.getByText('Order fresh')).toHaveCount(1)
    await expect(feed.getByText('Order old')).toHaveCount(1)
    await expect(page.getByRole('button', { name: /^Purchase 1/ })).toBeVisible()
})

test('the feed is held while it is read', async ({ page }) => {
    let asked = 0
    await page.route('**/api/live?*', (route) => route.fulfill({ status: 404, body: '' }))
    await page.route('**/api/rpc/recent_events', (route) => route.fulfill({ json: Array.from({ length: ++asked }, (_, i) => event(`number-${i}`, { occurred_at: new Date(Date.UTC(2026, 0, 1, 0, 0, i)).toISOString() })) }))
    await page.goto('/live?store=online-retail')
    await expect(page.getByText('Order number-1')).toBeVisible()
    await page.getByRole('button', { name: 'Pause' }).click()
    const shown = await page.getByRole('row').count()
    await expect(page.getByRole('button', { name: /^Go on: \d+ new/ })).toBeVisible()
    expect(await page.getByRole('row').count()).toBe(shown)
    await page.getByRole('button', { name: /^Go on/ }).click()
    await expect.poll(() => page.getByRole('row').count()).toBeGreaterThan(shown)
})

test('when nothing happens the page says what would', async ({ page }) => {
    await page.route('**/api/rpc/recent_events', (route) => route.fulfill({ json: [] }))
    await page.route('**/api/rpc/activity', (route) => route.fulfill({ json: Array.from({ length: 30 }, (_, i) => ({ minute: new Date(Date.UTC(2026, 0, 1, 0, i)).toISOString(), events: 0, purchases: 0, visitors: 0, total_sales: 0, currency: 'GBP' })) }))
    await page.goto('/live?store=online-retail')
    await expect(page.getByText('Nothing yet')).toBeVisible()
    await expect(page.getByText('Nothing in the last half hour')).toBeVisible()
    await settled(page)
    await expectAccessible(page)
})

test('events of one type, and a role that may not see any', async ({ page }) => {
    await page.goto('/live?store=online-retail')
    await settled(page)
    await page.getByRole('group', { name: 'Show events of a type' }).getByRole('button').first().click()
    await expect(page).toHaveURL(/type=/)
    await page.route('**/api/rpc/recent_events', (route) => route.fulfill({ status: 403, json: { code: '42501', message: 'permission denied', details: null, hint: null } }))
    await page.goto('/live?store=online-retail')
    await expect(page.getByText('Not connected')).toBeVisible()
    await expect(page.getByText('Not yours to see')).toBeVisible()
})
