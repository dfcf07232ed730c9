import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

// API=http://127.0.0.1:8001 npm run dev: pages of this machine, figures of that server.
const api = process.env.API ?? 'http://127.0.0.1:8000'

export default defineConfig({
    plugins: [react()],
    // No data: URLs, so that the Content-Security-Policy can stay as narrow as it is.
    build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, reportCompressedSize: true },
    server: { proxy: { '/api': api } },
    preview: { proxy: { '/api': api } },
    test: { environment: 'happy-dom', include: ['tests/unit/**/*.test.{ts,tsx}'], env: { TZ: 'America/New_York' } },
})
