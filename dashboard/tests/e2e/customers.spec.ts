// Customers: what the API says of them, in words, colours and tables.

import { expect, expectAccessible, settled, test } from './dashboard'

const shop = 'store=online-retail'
const count = (value: number) => value.toLocaleString('en-GB')

test('segments have the API’s figures, and picking one lists its customers', async ({ page, request }) => {
    const rows = (await (await request.get('/api/segment_summary?store_id=eq.online-retail')).json()) as { segment: string; customers: number }[]
    await page.goto(`/customers?${shop}`)
    await settled(page)
    const segments = page.getByRole('list', { name: 'Segments' })
    await expect(segments.getByRole('listitem')).toHaveCount(rows.length)
    for (const row of rows) {
        const name = row.segment.charAt(0).toUpperCase() + row.segment.slice(1).replaceAll('_', ' ')
        await expect(segments.getByRole('button', { name: new RegExp(`^${name}`) })).toContainText(`${count(row.customers)} customers`)
    }
    await segments.getByRole('button', { name: /^At risk/ }).click()
    await expect(page).toHaveURL(/segment=at_risk/)
    const table = page.getByRole('region', { name: 'Customers: At risk: table' })
    await expect(table.getByRole('row')).toHaveCount(21)
    await expect(table.getByRole('cell', { name: 'At risk' })).toHaveCount(20)
    await page.getByRole('button', { name: 'Remove filter: segment At risk' }).click()
    await expect(page).not.toHaveURL(/segment=/)
})

test('movement adds up, and is of the days that are picked', async ({ page, request }) => {
    const moves = (await (await request.post('/api/rpc/segment_movement', { data: { from: '2011-08-31', to: '2011-09-30', store: 'online-retail' } })).json()) as { from_segment: string; to_segment: string; customers: number }[]
    await page.goto(`/customers?${shop}&from=2011-09-01&to=2011-09-30`)
    await settled(page)
    const matrix = page.getByRole('region', { name: 'Movement between segments: matrix' })
    await expect(matrix.getByRole('row').last().getByRole('cell').last()).toHaveText(count(moves.reduce((sum, move) => sum + move.customers, 0)))
    const stayed = moves.filter((move) => move.from_segment === move.to_segment).reduce((sum, move) => sum + move.customers, 0)
    await expect(page.getByRole('list', { name: 'In all' })).toContainText(`${count(stayed)} stayed`)
    await page.getByRole('button', { name: 'Movement between segments: show as table' }).click()
    await expect(page.getByRole('region', { name: 'Movement between segments: table' }).getByRole('row')).toHaveCount(moves.length + 1)
})

test('cohorts in customers and in money', async ({ page, request }) => {
    const [row] = (await (await request.get('/api/cohort_retention?store_id=eq.online-retail&cohort_month=eq.2010-12-01&months_since=eq.1')).json()) as { retention: number; cumulative_net_sales: number; cohort_size: number }[]
    await page.goto(`/customers?${shop}`)
    await settled(page)
    const first = page.getByRole('region', { name: 'Cohorts: grid' }).getByRole('row').nth(1)
    await expect(first.getByRole('cell').nth(2)).toHaveText(`${Math.round(row!.retention * 100)}%`)
    await page.getByRole('group', { name: 'Cohorts in' }).getByRole('button', { name: 'Money' }).click()
    await expect(page).toHaveURL(/cohorts=money/)
    await expect(first.getByRole('cell').nth(2)).toContainText(`£${count(Math.round(row!.cumulative_net_sales / row!.cohort_size))}`)
    await expectAccessible(page)
})

test('the distribution is read by keyboard', async ({ page }) => {
    await page.goto(`/customers?${shop}`)
    await settled(page)
    const plot = page.getByRole('slider', { name: /^Customers by net sales/ })
    await plot.focus()
    await page.keyboard.press('Home')
    const first = await plot.getAttribute('aria-valuetext')
    await page.keyboard.press('ArrowRight')
    expect(await plot.getAttribute('aria-valuetext')).not.toBe(first)
    expect(first).toMatch(/Customers [\d,]+, Net sales/)
})

test('a customer is found by id, and has a page', async ({ page, request }) => {
    const found = (await (await request.post('/api/rpc/customer_profile', { data: { customer: '12748', store: 'online-retail' } })).json()) as { customer: { orders: number }; orders: { order_id: string }[] }
    await page.goto(`/customers?${shop}`)
    await settled(page)
    await page.getByRole('searchbox', { name: 'Search customers' }).fill('12748')
    await expect(page).toHaveURL(/search=12748/)
    await page.getByRole('link', { name: '12748' }).click()
    await expect(page).toHaveURL(/\/customers\/12748/)
    await settled(page)
    await expect(page.getByRole('region', { name: 'Key figures' })).toContainText(count(found.customer.orders))
    await expect(page.getByRole('list', { name: 'Orders' }).getByText(found.orders[0]!.order_id)).toBeVisible()
    await expectAccessible(page)
    await page.getByRole('link', { name: 'All customers' }).click()
    await expect(page.getByRole('list', { name: 'Segments' })).toBeVisible()
})

test('who is not there, and what is not trained', async ({ page }) => {
    await page.goto(`/customers/nobody?${shop}`)
    await expect(page.getByText('There is no such customer in this store')).toBeVisible()
    await page.route('**/api/cluster_profile?*', (route) => route.fulfill({ json: [] }))
    await page.goto(`/customers?${shop}`)
    await settled(page)
    await expect(page.getByRole('region', { name: 'Groups of similar customers' }).getByText('Not trained yet')).toBeVisible()
})

test('filters of other pages say that they do not hold', async ({ page }) => {
    await page.goto(`/customers?${shop}&country=DE`)
    await expect(page.getByText('the filter by country does not hold here')).toBeVisible()
})
