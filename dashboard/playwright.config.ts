import { defineConfig } from '@playwright/test'

// The demo of `make demo` must run: BASE_URL=http://127.0.0.1:8000 npm run e2e
export default defineConfig({
    testDir: 'tests/e2e',
    workers: 1,
    timeout: 180_000, // axe takes its time on a busy machine
    expect: { timeout: 20_000 },
    reporter: 'list',
    use: {
        baseURL: process.env.BASE_URL ?? 'http://127.0.0.1:8000',
        locale: 'en-GB',
        timezoneId: 'America/New_York',
        viewport: { width: 1280, height: 900 },
        contextOptions: { reducedMotion: 'reduce' },
        launchOptions: {
            executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
            args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
        },
    },
})
