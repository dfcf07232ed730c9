// The token of who signed in: kept for this tab's session, nowhere else.

const key = 'analytics-token'
const listeners = new Set<() => void>()

export function token(): string | null {
    return sessionStorage.getItem(key)
}

export function signIn(value: string): void {
    sessionStorage.setItem(key, value.trim())
    listeners.forEach((tell) => tell())
}

export function signOut(): void {
    sessionStorage.removeItem(key)
    listeners.forEach((tell) => tell())
}

export function onSession(listener: () => void): () => void {
    listeners.add(listener)
    return () => listeners.delete(listener)
}
