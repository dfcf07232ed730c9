// The width that a chart has.

import { type RefObject, useLayoutEffect, useRef, useState } from 'react'

export function useWidth(otherwise = 640): [RefObject<HTMLDivElement | null>, number] {
    const box = useRef<HTMLDivElement>(null)
    const [width, setWidth] = useState(otherwise)
    useLayoutEffect(() => {
        const node = box.current
        if (!node) return
        const measure = () => setWidth(node.clientWidth || otherwise)
        measure()
        const watch = new ResizeObserver(measure)
        watch.observe(node)
        return () => watch.disconnect()
    }, [otherwise])
    return [box, width]
}
