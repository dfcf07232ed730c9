// The token of who signed in: kept for this tab's session, nowhere else.

const key = 'analytics-token'
const listeners = new Set<() => void>()

/** Grows whenever somebody else asks: what was answered before is not theirs. */
let number = 0
/** Why the sign-in stands there; null: it does not. */
let asking: { refusal: string | null } | null = null

function tell(): void {
    listeners.forEach((listener) => listener())
}

export function token(): string | null {
    return sessionStorage.getItem(key)
}

export function sessionNumber(): number {
    return number
}

export function signInAsked(): { refusal: string | null } | null {
    return asking
}

export function signIn(value: string): void {
    sessionStorage.setItem(key, value.trim())
    number++
    asking = null
    tell()
}

export function signOut(): void {
    sessionStorage.removeItem(key)
    number++
    asking = null
    tell()
}

/** refusal: what the server said to the token, or null where the reader wants to sign in. */
export function askToSignIn(refusal: string | null): void {
    asking = { refusal }
    tell()
}

export function leaveSignIn(): void {
    asking = null
    tell()
}

export function onSession(listener: () => void): () => void {
    listeners.add(listener)
    return () => listeners.delete(listener)
}
