// The overview shows what the API says, and the address says what is shown.

import { readFile } from 'node:fs/promises'
import { expect, settled, test } from './dashboard'

const autumn = '/?store=online-retail&from=2011-11-01&to=2011-11-30'

test('cards, chart and rankings have the API’s figures', async ({ page, request }) => {
    const answer = await request.post('/api/rpc/visualize', { data: { store: 'online-retail', from: '2011-11-01', to: '2011-12-01', compare: 'previous_period', limit: 8 } })
    const overview = await answer.json()
    await page.goto(autumn)
    await settled(page)
    const money = new Intl.NumberFormat('en-GB', { style: 'currency', currency: 'GBP', maximumFractionDigits: 0 })
    const card = page.getByRole('button', { name: /^Total sales/ }).first()
    await expect(card).toContainText(money.format(overview.cards.total_sales.value))
    await expect(card).toContainText(`${overview.cards.total_sales.percent.toFixed(1)}%`)
    const top = page.getByRole('list', { name: 'Net sales by country' }).getByRole('listitem').first()
    await expect(top).toContainText('United Kingdom')
    await expect(top).toContainText(money.format(overview.top.country[0].value))
    await expect(page.getByText(/^1\s?–\s?30 Nov 2011, compared with 2\s?–\s?31 Oct 2011$/)).toBeVisible()
})

test('returning customers say of how many', async ({ page, request }) => {
    const answer = await request.post('/api/rpc/visualize', { data: { store: 'online-retail', from: '2011-11-01', to: '2011-12-01', limit: 8 } })
    const { cards } = await answer.json()
    await page.goto(autumn)
    const card = page.getByRole('button', { name: /^Returning customers/ })
    await expect(card).toContainText(`${(cards.returning_rate.value * 100).toFixed(1)}% of ${new Intl.NumberFormat('en-GB').format(cards.customers.value)}`)
    await expect(card).toHaveAttribute('title', /whose first order of all was before them/)
})

test('orders without visits have no conversion', async ({ page }) => {
    await page.goto(autumn)
    await settled(page)
    await expect(page.getByRole('button', { name: /^Conversion/ })).toContainText('sent without visits')
    await page.goto('/?store=synthetic-traffic')
    await settled(page)
    await expect(page.getByRole('button', { name: /^Conversion/ })).toContainText('%')
})

test('a card charts its metric, and Back takes it back', async ({ page }) => {
    await page.goto(autumn)
    await settled(page)
    await page.getByRole('button', { name: /^Orders/ }).click()
    await expect(page).toHaveURL(/metric=orders/)
    await expect(page.getByRole('heading', { name: 'Orders over time' })).toBeVisible()
    await page.goBack()
    await expect(page.getByRole('heading', { name: 'Total sales over time' })).toBeVisible()
})

test('a row filters, its chip stands in the address, and a link shows the same', async ({ page, context }) => {
    await page.goto(autumn)
    await settled(page)
    const whole = await page.getByRole('button', { name: /^Orders/ }).first().textContent()
    await page.getByRole('button', { name: /^Germany/ }).click()
    await expect(page).toHaveURL(/country=DE/)
    await settled(page)
    const part = await page.getByRole('button', { name: /^Orders/ }).first().textContent()
    expect(part).not.toBe(whole)
    const other = await context.newPage()
    await other.goto(page.url())
    await settled(other)
    expect(await other.getByRole('button', { name: /^Orders/ }).first().textContent()).toBe(part)
    await other.close()
    await page.getByRole('button', { name: 'Remove filter: country Germany' }).click()
    await expect(page).not.toHaveURL(/country/)
    await settled(page)
    expect(await page.getByRole('button', { name: /^Orders/ }).first().textContent()).toBe(whole)
})

test('without a comparison there is none', async ({ page }) => {
    await page.goto(autumn)
    await settled(page)
    await expect(page.getByText('Compared period', { exact: true })).toBeVisible()
    await page.getByLabel('Compared with').selectOption('none')
    await expect(page).toHaveURL(/compare=none/)
    await settled(page)
    await expect(page.getByText('Compared period', { exact: true })).toHaveCount(0)
    await expect(page.locator('.cards .delta')).toHaveCount(0)
})

test('grain, currency and basis are asked for', async ({ page }) => {
    await page.goto(autumn)
    await settled(page)
    const asked = page.waitForRequest((request) => request.url().endsWith('/rpc/visualize') && request.postDataJSON().grain === 'week' && request.postDataJSON().metric === 'total_sales')
    await page.getByRole('combobox', { name: 'By', exact: true }).selectOption('week')
    await asked
    const based = page.waitForRequest((request) => request.url().endsWith('/rpc/visualize') && request.postDataJSON().basis === 'order')
    await page.getByRole('button', { name: /^Money/ }).click()
    await page.getByRole('radio', { name: 'of the order' }).check()
    await based
    const single = page.waitForRequest((request) => request.url().endsWith('/rpc/visualize') && request.postDataJSON().currency === 'GBP')
    await page.getByRole('radio', { name: /GBP alone/ }).check()
    await single
    await expect(page).toHaveURL(/grain=week.*currency=GBP.*basis=order/)
})

test('the table twin and the CSV have the chart’s figures', async ({ page, request }) => {
    const answer = await request.post('/api/rpc/visualize', { data: { metric: 'total_sales', store: 'online-retail', from: '2011-11-01', to: '2011-12-01', compare: 'previous_period' } })
    const points = (await answer.json()).series[0].points as [string, number][]
    await page.goto(autumn)
    await settled(page)
    await page.getByRole('button', { name: 'Total sales over time: show as table' }).click()
    const table = page.getByRole('region', { name: 'Total sales over time: table' })
    await expect(table.getByRole('row')).toHaveCount(points.length + 1)
    await expect(table.getByRole('row').nth(1)).toContainText(new Intl.NumberFormat('en-GB', { style: 'currency', currency: 'GBP' }).format(points[0]![1]))
    const saving = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Total sales over time: download as CSV' }).click()
    const saved = await saving
    expect(saved.suggestedFilename()).toBe('total_sales_2011-11-01_2011-11-30.csv')
    const lines = (await readFile((await saved.path())!, 'utf8')).trimEnd().split('\r\n')
    expect(lines[0]).toBe('from,total_sales,compared_from,total_sales_before')
    expect(lines.slice(1).map((line) => line.split(',').slice(0, 2))).toEqual(points.map(([label, value]) => [label, String(value)]))
})

test('all of it by keyboard: skip link, range, filter, chart', async ({ page }) => {
    await page.goto('/?store=synthetic-traffic')
    await settled(page)
    await page.keyboard.press('Tab')
    await expect(page.getByRole('link', { name: 'Skip to the page' })).toBeFocused()
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab') // the store
    await page.keyboard.press('Tab')
    await expect(page.getByRole('button', { name: /^Date range/ })).toBeFocused()
    await page.keyboard.press('Enter')
    await expect(page.getByRole('button', { name: 'Last 30 days', exact: true })).toBeFocused()
    await page.keyboard.press('Shift+Tab')
    await page.keyboard.press('Enter')
    await expect(page).toHaveURL(/range=7d/)
    await expect(page.getByRole('button', { name: /^Date range/ })).toBeFocused()
    await settled(page)
    const plot = page.getByRole('slider', { name: /Total sales by day/ })
    for (let i = 0; i < 30 && !(await plot.evaluate((node) => node === document.activeElement)); i++) await page.keyboard.press('Tab')
    await expect(plot).toBeFocused()
    await page.keyboard.press('Home')
    await expect(page.locator('.tip-title')).toBeVisible()
    await expect(plot).toHaveAttribute('aria-valuenow', '1')
    await page.keyboard.press('Enter')
    await expect(page).toHaveURL(/from=(\d{4}-\d{2}-\d{2})&to=\1/)
})

test('dragging over the chart zooms in', async ({ page }) => {
    await page.goto(autumn)
    await settled(page)
    const box = (await page.getByRole('slider', { name: /Total sales/ }).boundingBox())!
    await page.mouse.move(box.x + box.width * 0.3, box.y + 80)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width * 0.6, box.y + 80, { steps: 4 })
    await page.mouse.up()
    await expect(page).toHaveURL(/from=2011-11-\d\d&to=2011-11-\d\d/)
    const [, first, last] = /from=2011-11-(\d\d)&to=2011-11-(\d\d)/.exec(page.url())!
    expect(Number(first)).toBeGreaterThan(1)
    expect(Number(last)).toBeLessThan(30)
})
