// What is shown when there is nothing, not yet, no longer, or not for this reader.

import { expect, expectAccessible, settled, test } from './dashboard'

const report = '**/api/rpc/visualize'
const unknown = { status: 401, json: { code: 'PGRST301', message: 'JWT expired', details: null, hint: null } }

test('401 asks for a token, which is kept for the session and sent', async ({ page }) => {
    await page.route('**/api/**', (route) => (route.request().headers().authorization === 'Bearer good' ? route.continue({ headers: { ...route.request().headers(), authorization: '' } }) : route.fulfill(unknown)))
    await page.goto('/products?store=online-retail')
    await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible()
    await expectAccessible(page)
    await page.getByLabel('Token').fill('bad')
    await page.keyboard.press('Enter')
    await expect(page.getByRole('alert')).toContainText('refused')
    await page.getByLabel('Token').fill('good')
    await page.keyboard.press('Enter')
    await expect(page.getByRole('heading', { name: 'Products', level: 1 })).toBeVisible()
    expect(await page.evaluate(() => [sessionStorage.getItem('analytics-token'), JSON.stringify(localStorage), document.cookie])).toEqual(['good', '{}', ''])
    await page.reload()
    await expect(page.getByRole('heading', { name: 'Products', level: 1 })).toBeVisible()
    await expect(page.getByRole('region', { name: 'Products: table' })).toBeVisible()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await expect(page.getByRole('heading', { name: 'Sign in' })).toBeVisible()
})

test('while figures come, panels say so', async ({ page }) => {
    let go = () => {}
    const gate = new Promise<void>((resolve) => (go = resolve))
    await page.route(report, async (route) => {
        await gate
        await route.continue()
    })
    await page.goto('/?store=synthetic-traffic')
    await expect(page.getByRole('status').first()).toHaveText('Loading')
    await expectAccessible(page)
    go()
    await settled(page)
})

test('what fails says why, and can be tried again', async ({ page }) => {
    let broken = true
    await page.route(report, (route) => (broken ? route.fulfill({ status: 504, json: { code: '57014', message: 'canceling statement due to statement timeout', details: null, hint: 'Ask for fewer days.' } }) : route.continue()))
    await page.goto('/?store=synthetic-traffic')
    await expect(page.getByRole('alert').first()).toContainText('Canceling statement due to statement timeout.')
    await expect(page.getByRole('alert').first()).toContainText('Ask for fewer days.')
    await expectAccessible(page)
    broken = false
    await page.getByRole('button', { name: 'Try again' }).first().click()
    await expect(page.getByRole('button', { name: /^Total sales/ }).first()).toContainText('€')
})

test('figures stay when they can no longer be renewed, and say how old they are', async ({ page }) => {
    await page.clock.install()
    await page.goto('/?store=synthetic-traffic')
    await settled(page)
    const sales = page.getByRole('button', { name: /^Total sales/ }).first()
    const text = await sales.textContent()
    await page.route('**/api/**', (route) => route.abort())
    await page.clock.runFor(61_000)
    await expect(page.locator('.stale').first()).toContainText('the server does not answer')
    expect(await sales.textContent()).toBe(text)
    await expectAccessible(page)
})

test('days without anything lead to days with something', async ({ page }) => {
    await page.goto('/?store=online-retail&from=2009-01-01&to=2009-01-31')
    await settled(page)
    await expect(page.getByText('Nothing in these days').first()).toBeVisible()
    await expectAccessible(page)
    await page.getByRole('button', { name: 'Show all time' }).first().click()
    await expect(page).toHaveURL(/range=all/)
    await settled(page)
    await expect(page.getByRole('button', { name: /^Total sales/ }).first()).toContainText('£9,758,124')
})

test('a server without a report is no failure', async ({ page }) => {
    await page.route('**/api/rpc/product_report', (route) => route.fulfill({ status: 404, json: { code: 'PGRST202', message: 'Could not find the function', details: null, hint: null } }))
    await page.goto('/products?store=online-retail')
    await expect(page.getByText('Not served here').first()).toBeVisible()
})
