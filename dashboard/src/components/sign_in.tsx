// Where the API wants to know who asks: a token, kept for this tab's session alone.

import { type FormEvent, useState } from 'react'
import { signIn } from '../api/session'

/** refusal: what the server said to the last token. onLeave: there is something to see without one, too. */
export function SignIn({ refusal, onLeave }: { refusal: string | null; onLeave?: () => void }) {
    const [value, setValue] = useState('')
    const submit = (event: FormEvent) => {
        event.preventDefault()
        if (value.trim()) signIn(value)
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
                    aria-invalid={refusal !== null}
                    aria-describedby={refusal ? 'token-error' : undefined}
                    autoFocus
                />
                {refusal && (
                    <p id="token-error" className="field-error" role="alert">
                        This token was refused: {refusal}.
                    </p>
                )}
                <button type="submit" className="button primary">
                    Sign in
                </button>
                {onLeave && (
                    <button type="button" className="button" onClick={onLeave}>
                        Back
                    </button>
                )}
            </form>
        </main>
    )
}
