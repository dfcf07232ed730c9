// Server-sent events, read from a stream of text: https://html.spec.whatwg.org/multipage/server-sent-events.html. The browser's
// own EventSource sends no token and tells no status, so the dashboard reads the stream itself.

export interface StreamMessage {
    event: string
    data: string
    /** The last id so far: what to resume from. */
    id: string
}

export interface StreamReader {
    feed: (text: string) => StreamMessage[]
    /** What to resume from, and how long to wait before, in ms; null: the server said nothing of it. */
    lastId: () => string
    retry: () => number | null
}

export function streamReader(resumedFrom = ''): StreamReader {
    let rest = ''
    let id = resumedFrom
    let nextId = resumedFrom
    let retry: number | null = null
    let event = ''
    let data: string[] = []
    const line = (text: string): StreamMessage | null => {
        if (text === '') {
            // (only now: of a message that broke off nothing was seen)
            id = nextId
            const message = data.length > 0 ? { event: event || 'message', data: data.join('\n'), id } : null
            event = ''
            data = []
            return message
        }
        const colon = text.indexOf(':')
        const name = colon < 0 ? text : text.slice(0, colon)
        const value = colon < 0 ? '' : text.slice(colon + 1).replace(/^ /, '')
        if (name === 'event') event = value
        else if (name === 'data') data.push(value)
        else if (name === 'id' && !value.includes('\0')) nextId = value
        else if (name === 'retry' && /^\d+$/.test(value)) retry = Number(value)
        return null
    }
    return {
        feed: (text) => {
            rest += text
            const messages: StreamMessage[] = []
            for (;;) {
                const end = /\r\n|\n|\r(?!$)/.exec(rest)
                if (!end) return messages
                const message = line(rest.slice(0, end.index))
                rest = rest.slice(end.index + end[0].length)
                if (message) messages.push(message)
            }
        },
        lastId: () => id,
        retry: () => retry,
    }
}

export interface LiveEvent {
    event_type: string
    occurred_at: string
    store_id: string
    order_id: string | null
    product_id: string | null
    quantity: number | null
    value: number | null
    currency: string | null
    channel: string | null
    country: string | null
    device: string | null
}

/** An event with a key of its own: of two that are alike in all that is told of them each has one. */
export interface FeedEvent extends LiveEvent {
    key: string
    /** Came while the page was open. */
    fresh: boolean
}

export const mostShown = 200

function nameOf(event: LiveEvent): string {
    return JSON.stringify([
        event.event_type,
        new Date(event.occurred_at).getTime(),
        event.store_id,
        event.order_id,
        event.product_id,
        event.quantity,
        event.value === null ? null : Number(event.value),
        event.channel,
        event.country,
        event.device,
    ])
}

function keyed(events: LiveEvent[], fresh: boolean): FeedEvent[] {
    const seen = new Map<string, number>()
    return events.map((event) => {
        const name = nameOf(event)
        const nth = (seen.get(name) ?? 0) + 1
        seen.set(name, nth)
        return { ...event, key: `${name}#${nth}`, fresh }
    })
}

const newestFirst = (a: LiveEvent, b: LiveEvent) => new Date(b.occurred_at).getTime() - new Date(a.occurred_at).getTime()

/** What the stream told is new, each of it. */
export function appended(feed: FeedEvent[], events: LiveEvent[], stamp: string): FeedEvent[] {
    const added = keyed(events, true).map((event) => ({ ...event, key: `${stamp} ${event.key}` }))
    return [...added, ...feed].sort(newestFirst).slice(0, mostShown)
}

/** A list of the newest, as polling has it: what it has beyond the feed is new. */
export function merged(feed: FeedEvent[], newest: LiveEvent[], fresh: boolean): { feed: FeedEvent[]; added: FeedEvent[] } {
    const have = new Map<string, number>()
    for (const event of feed) have.set(nameOf(event), (have.get(nameOf(event)) ?? 0) + 1)
    const added = keyed(newest, fresh).filter((event) => {
        const name = nameOf(event)
        const left = have.get(name) ?? 0
        if (left > 0) have.set(name, left - 1)
        return left === 0
    })
    return { feed: [...added, ...feed].sort(newestFirst).slice(0, mostShown), added }
}

export function counted(events: LiveEvent[]): Record<string, number> {
    const counts: Record<string, number> = {}
    for (const event of events) counts[event.event_type] = (counts[event.event_type] ?? 0) + 1
    return counts
}

export function summed(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
    const sums = { ...a }
    for (const [name, value] of Object.entries(b)) sums[name] = (sums[name] ?? 0) + value
    return sums
}
