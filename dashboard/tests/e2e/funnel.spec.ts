import { expect, settled, test } from './dashboard'

test('steps are sums of funnel_daily, and a channel filters them', async ({ page, request }) => {
    await page.goto('/funnel?store=synthetic-traffic&range=7d&compare=none')
    await settled(page)
    const days = (await (await request.get('/api/store_profile?store_id=eq.synthetic-traffic')).json())[0].today as string
    const first = new Date(Date.parse(`${days}T00:00:00Z`) - 6 * 86_400_000).toISOString().slice(0, 10)
    const rows = (await (await request.get(`/api/funnel_daily?store_id=eq.synthetic-traffic&bucket=gte.${first}`)).json()) as Record<string, number | string>[]
    const sum = (name: string, some = rows) => some.reduce((all, row) => all + Number(row[name]), 0).toLocaleString('en-GB')
    const steps = page.getByRole('list', { name: 'From visit to order' }).getByRole('listitem')
    for (const [place, name] of ['sessions', 'view_item', 'add_to_cart', 'begin_checkout', 'purchase'].entries()) await expect(steps.nth(place)).toContainText(sum(name))
    await page.getByRole('button', { name: 'app', exact: true }).click()
    await expect(page).toHaveURL(/channel=app/)
    await expect(steps.first()).toContainText(sum('sessions', rows.filter((row) => row.channel === 'app')))
})

test('a filter that does not hold for sessions says so', async ({ page }) => {
    await page.goto('/funnel?store=synthetic-traffic&country=DE')
    await expect(page.getByText('the filter by country does not hold here')).toBeVisible()
})
