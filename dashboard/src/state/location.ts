// The address as state: what changes it makes an entry of the browser's history, so that Back goes back.

import { useSyncExternalStore } from 'react'

const changed = 'analytics-location'

function subscribe(listener: () => void): () => void {
    addEventListener('popstate', listener)
    addEventListener(changed, listener)
    return () => {
        removeEventListener('popstate', listener)
        removeEventListener(changed, listener)
    }
}

/** replace: no entry of its own, for what is typed letter by letter. */
export function navigate(to: string, options: { replace?: boolean } = {}): void {
    if (to === location.pathname + location.search) return
    history[options.replace ? 'replaceState' : 'pushState'](null, '', to)
    dispatchEvent(new Event(changed))
}

export function usePath(): string {
    return useSyncExternalStore(subscribe, () => location.pathname)
}

export function useQuery(): string {
    return useSyncExternalStore(subscribe, () => location.search)
}

/** A parameter of the page's own, kept in the address; '' is as if it were not there. resets: others that a change takes away. */
export function useParameter(name: string, otherwise = '', resets: string[] = []): [string, (value: string, options?: { replace?: boolean }) => void] {
    const value = new URLSearchParams(useQuery()).get(name) ?? otherwise
    return [
        value,
        (next, options) => {
            const query = new URLSearchParams(location.search)
            if (next === '' || next === otherwise) query.delete(name)
            else query.set(name, next)
            resets.forEach((other) => query.delete(other))
            const text = query.toString()
            navigate(location.pathname + (text && `?${text}`), options)
        },
    ]
}
