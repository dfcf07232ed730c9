// A rejected event to look at: its JSON line by line, with what the pointer names marked.

/** Steps of a JSON pointer (RFC 6901); '' is the whole. */
export function pointerSteps(pointer: string): string[] {
    if (!pointer.startsWith('/')) return []
    return pointer
        .slice(1)
        .split('/')
        .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

export interface PayloadLine {
    text: string
    /** What the pointer names, or where that is missing. */
    mark: 'wrong' | 'missing' | null
}

const has = (value: unknown, step: string): value is Record<string, unknown> => typeof value === 'object' && value !== null && Object.hasOwn(value, step)

/** The JSON with indents, as JSON.stringify() writes it; what the pointer names is marked, or a line says where it is missing. */
export function payloadLines(payload: unknown, pointer: string): PayloadLine[] {
    const steps = pointerSteps(pointer)
    const lines: PayloadLine[] = []
    // left: steps from this value to what is marked; null: not on the way there
    const write = (value: unknown, left: string[] | null, lead: string, indent: string, comma: string, within: boolean) => {
        const isMarked = within || left?.length === 0
        const mark = isMarked ? 'wrong' : null
        const missing = left !== null && left[0] !== undefined && !has(value, left[0]) ? left[0] : null
        const isList = Array.isArray(value)
        const entries = typeof value === 'object' && value !== null ? Object.entries(value) : null
        if (!entries || (entries.length === 0 && missing === null)) {
            lines.push({ text: `${indent}${lead}${JSON.stringify(value)}${comma}`, mark: missing === null ? mark : 'wrong' })
            return
        }
        lines.push({ text: `${indent}${lead}${isList ? '[' : '{'}`, mark })
        entries.forEach(([name, item], place) => {
            const onTheWay = left !== null && left[0] === name ? left.slice(1) : null
            write(item, onTheWay, isList ? '' : `${JSON.stringify(name)}: `, `${indent}  `, place < entries.length - 1 ? ',' : '', isMarked)
        })
        if (missing !== null) lines.push({ text: `${indent}  ${JSON.stringify(missing)} is missing here`, mark: 'missing' })
        lines.push({ text: `${indent}${isList ? ']' : '}'}${comma}`, mark })
    }
    write(payload, steps, '', '', '', false)
    return lines
}

/** Bytes as PostgreSQL writes them (\x7b22...), as text; what is no UTF-8 becomes the replacement character. */
export function rawText(raw: string): string {
    if (!/^\\x([0-9a-f]{2})*$/i.test(raw)) return raw
    const bytes = Uint8Array.from(raw.slice(2).match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
    return new TextDecoder().decode(bytes)
}

/** What is wrong with a text that should be JSON; null: nothing. */
export function jsonProblem(text: string): string | null {
    if (!text.trim()) return 'There is nothing here: an event is a JSON object.'
    try {
        const value: unknown = JSON.parse(text)
        return typeof value === 'object' && value !== null && !Array.isArray(value) ? null : 'An event is a JSON object: {"event": ...}.'
    } catch (problem) {
        return `This is no JSON yet: ${(problem as Error).message}`
    }
}
