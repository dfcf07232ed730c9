// Text that goes into the address once its writer rests.

import { useEffect, useState } from 'react'
import { useParameter } from './location'

export function useTyped(name: string, resets: string[] = []): [string, (text: string) => void] {
    const [kept, keep] = useParameter(name, '', resets)
    const [typed, setTyped] = useState(kept)
    useEffect(() => setTyped(kept), [kept])
    useEffect(() => {
        if (typed === kept) return
        const timer = setTimeout(() => keep(typed, { replace: true }), 300)
        return () => clearTimeout(timer)
    })
    return [typed, setTyped]
}
