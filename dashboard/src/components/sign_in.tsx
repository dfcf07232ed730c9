// Where the API wants to know who asks: a token, kept for this tab's session alone.

import { type FormEvent, useState } from 'react'
import type { ApiError } from '../api/client'
import { signIn, signOut } from '../api/session'

export function SignIn({ error }: { error: ApiError | null }) {
    const [value, setValue] = useState('')
    const submit = (event: FormEvent) => {
        event.preventDefault()
        if (!value.trim()) return
        signOut()
        signIn(value)
    }
    return (
        <main className="sign-in">
            <form className="panel" onSubmit={submit}>
                <svg viewBox="0 0 32 32" width="40" height="40" className="mark" aria-hidden="true">
                    <rect width="32" height="32" rx="7" />
                    <path d="M7 22.5l6-7 5 4 7-10" />
                </svg>
                <h1>Sign in</h1>
                <p className="note">These reports want a token. Whoever runs the database can make one; it is kept until this tab is closed, and nowhere else.</p>
                <label htmlFor="token">Token</label>
                <input
                    id="token"
                    type="password"
                    autoComplete="off"
                    spellCheck={false}
                    value={value}
                    onChange={(event) => setValue(event.target.value)}
                    aria-invalid={error !== null}
                    aria-describedby={error ? 'token-error' : undefined}
                    autoFocus
                />
                {error && (
                    <p id="token-error" className="field-error" role="alert">
                        This token was refused: {error.message}.
                    </p>
                )}
                <button type="submit" className="button primary">
                    Sign in
                </button>
            </form>
        </main>
    )
}
