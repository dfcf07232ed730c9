// Every page, as it comes: readable by all, in any theme and width, from this host alone.

import { expect, expectAccessible, pages, settled, test, titles } from './dashboard'

for (const store of ['online-retail', 'synthetic-traffic']) {
    for (const path of pages) {
        test(`${titles[path]} of ${store}: axe finds nothing, nor in the dark`, async ({ page }) => {
            await page.emulateMedia({ colorScheme: 'light' })
            await page.goto(`${path}?store=${store}`)
            await settled(page)
            await expect(page).toHaveTitle(`${titles[path]} · Analytics`)
            await expect(page.locator('.state-error[role=alert]')).toHaveCount(0)
            await expectAccessible(page)
            await page.emulateMedia({ colorScheme: 'dark' })
            await expectAccessible(page, ['color-contrast']) // what a theme changes
        })
    }
}

for (const path of pages) {
    test(`${titles[path]} stands out of no screen`, async ({ page }) => {
        await page.goto(`${path}?store=synthetic-traffic`)
        await settled(page)
        for (const width of [1920, 1280, 768, 390, 320]) {
            await page.setViewportSize({ width, height: 844 })
            await expect.poll(() => page.evaluate(() => document.documentElement.scrollWidth), { message: `${width} pixels` }).toBe(width)
        }
    })
}

test('popovers and the table of a chart are readable by all, too', async ({ page }) => {
    await page.goto('/?store=synthetic-traffic')
    await settled(page)
    for (const name of [/^Date range/, 'Filter', /^Money/]) {
        await page.getByRole('button', { name, exact: true }).click()
        await expect(page.getByRole('dialog')).toBeVisible()
        await expect(page.getByRole('dialog').getByText('Loading')).toHaveCount(0)
        await expectAccessible(page)
        await page.keyboard.press('Escape')
    }
    await page.getByRole('button', { name: 'Total sales over time: show as table' }).click()
    await expect(page.getByRole('table').first()).toBeVisible()
    await expectAccessible(page)
})

test('the reader’s theme holds against the system’s, and after loading again', async ({ page }) => {
    const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    await page.emulateMedia({ colorScheme: 'light' })
    await page.goto('/')
    const light = await paper()
    await page.getByRole('combobox', { name: 'Theme' }).selectOption('dark')
    const dark = await paper()
    expect(dark).not.toBe(light)
    await page.reload()
    expect(await paper()).toBe(dark)
    await page.getByRole('combobox', { name: 'Theme' }).selectOption('system')
    expect(await paper()).toBe(light)
})

test('what is loaded is small', async ({ page }) => {
    await page.goto('/?store=online-retail')
    await settled(page)
    const bytes = await page.evaluate(() =>
        performance
            .getEntriesByType('resource')
            .filter((one) => one.name.includes('/assets/'))
            .reduce((sum, one) => sum + (one as PerformanceResourceTiming).encodedBodySize, 0),
    )
    expect(bytes).toBeGreaterThan(0)
    expect(bytes).toBeLessThan(200_000)
})

test('an address that is no page says so', async ({ page }) => {
    await page.goto('/?store=nobody')
    await expect(page.getByText('There is no such store')).toBeVisible()
})

test('paper has figures, of what they are, and no controls', async ({ page }) => {
    await page.setViewportSize({ width: 794, height: 1123 }) // A4
    await page.goto('/?store=online-retail&from=2011-11-01&to=2011-11-30&country=DE')
    await settled(page)
    await expect(page.getByText('online-retail; 1')).toBeHidden()
    await page.emulateMedia({ media: 'print' })
    await expect(page.getByText(/^online-retail; 1\s?–\s?30 Nov 2011; country: Germany$/)).toBeVisible()
    await expect(page.locator('.filter-bar:visible, select:visible, input:visible')).toHaveCount(0)
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(794)
    const ink = () => page.evaluate(() => getComputedStyle(document.body).color)
    const light = await ink()
    await page.evaluate(() => (document.documentElement.dataset.theme = 'dark'))
    expect(await ink()).toBe(light)
    await expect(page.getByRole('navigation', { name: 'Pages' })).toBeHidden()
    await expect(page.getByRole('button', { name: /show as table/ }).first()).toBeHidden()
    await expect(page.getByText('Net sales by country')).toBeVisible()
})
