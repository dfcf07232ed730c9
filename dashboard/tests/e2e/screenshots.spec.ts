// The pictures of docs/dashboard.md: SCREENSHOTS=../docs/dashboard npm run e2e -- screenshots

import { settled, test } from './dashboard'

const shots = [
    ['overview', '/?store=online-retail&range=90d', 'light', 980],
    ['overview_dark', '/?store=synthetic-traffic', 'dark', 980],
    ['products', '/products?store=online-retail&range=90d', 'light', 860],
    ['funnel', '/funnel?store=synthetic-traffic&range=7d', 'light', 1000],
    ['customers', '/customers?store=online-retail', 'light', 1000],
] as const

for (const [name, path, colorScheme, height] of shots) {
    test(`picture of ${name}`, async ({ page }) => {
        test.skip(!process.env.SCREENSHOTS, 'SCREENSHOTS is not set')
        await page.setViewportSize({ width: 1200, height })
        await page.emulateMedia({ colorScheme })
        await page.goto(path)
        await settled(page)
        await page.screenshot({ path: `${process.env.SCREENSHOTS}/${name}.png` })
    })
}
