// Light, dark, or as the system says.

export const themes = ['system', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

const key = 'analytics-theme'

export function theme(): Theme {
    return themes.find((name) => name === localStorage.getItem(key)) ?? 'system'
}

export function setTheme(next: Theme): void {
    if (next === 'system') localStorage.removeItem(key)
    else localStorage.setItem(key, next)
    applyTheme()
}

export function applyTheme(): void {
    const now = theme()
    if (now === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = now
}
