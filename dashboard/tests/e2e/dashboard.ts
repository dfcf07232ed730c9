// What the specs share.

import AxeBuilder from '@axe-core/playwright'
import { expect, type Page, test as base } from '@playwright/test'

export const pages = ['/', '/customers', '/products', '/funnel', '/live', '/health'] as const
export const titles: Record<(typeof pages)[number], string> = { '/': 'Overview', '/customers': 'Customers', '/products': 'Products', '/funnel': 'Funnel', '/live': 'Live', '/health': 'Health' }

/** Every test fails by a script's error, a refusal of the Content-Security-Policy, or a request to another host. */
export const test = base.extend<{ watched: string[] }>({
    watched: [
        async ({ page, baseURL }, use) => {
            const problems: string[] = []
            page.on('pageerror', (error) => problems.push(error.message))
            page.on('console', (message) => {
                if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) problems.push(message.text())
            })
            page.on('request', (request) => {
                const url = new URL(request.url())
                if (url.protocol.startsWith('http') && url.host !== new URL(baseURL!).host) problems.push(`asked ${url.host}`)
            })
            await use(problems)
            expect(problems).toEqual([])
        },
        { auto: true },
    ],
})

/** All panels have what they show. */
export async function settled(page: Page): Promise<void> {
    await expect(page.locator('h1')).toBeVisible()
    await expect(page.locator('.state-loading, .waiting, .is-renewing')).toHaveCount(0)
}

/** rules: these alone. */
export async function expectAccessible(page: Page, rules?: string[]): Promise<void> {
    const axe = new AxeBuilder({ page })
    const found = await (rules ? axe.withRules(rules) : axe.withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])).analyze()
    expect(found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target} ${node.failureSummary?.split('\n')[1]?.trim()}`).join(', ')}`)).toEqual([])
}

export { expect }
