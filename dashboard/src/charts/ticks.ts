// Which labels an axis has room for.

/** Places of labels: evenly spaced, the first of them first, as many as fit. */
export function labelPlaces(count: number, width: number, each: number): number[] {
    if (count <= 0) return []
    const room = Math.max(1, Math.floor(width / each))
    const steps = [1, 2, 3, 5, 7, 10, 14, 15, 20, 30, 50, 60, 90, 100, 200, 500, 1000]
    const step = steps.find((step) => count / step <= room) ?? Math.ceil(count / room)
    return Array.from({ length: Math.ceil(count / step) }, (_, i) => i * step)
}
