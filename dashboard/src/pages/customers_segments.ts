// Segments as a merchant sees them: from the best to those who are gone, what to do with each, and who went up or down between
// two days. Rules of a shop's own may bring segments of other names: they come last, and have no up or down.

import { sentence } from '../format/names'

interface Meaning {
    who: string
    todo: string
}

const known: Record<string, Meaning> = {
    champions: { who: 'Bought lately, often and much', todo: 'Thank them and show them what is new first; no discounts needed' },
    loyal: { who: 'Come back and spend well', todo: 'Offer a loyalty programme, dearer and matching products' },
    active: { who: 'Bought lately, a few times or not much', todo: 'Make the next order easy: recommendations, free shipping above a sum' },
    new: { who: 'Just bought for the first time', todo: 'Welcome them, help with the product, give a reason for a second order' },
    promising: { who: 'Bought little, not long ago', todo: 'Remind them of the shop before they forget it' },
    needs_attention: { who: 'Middling, and it has been a while', todo: 'A limited offer of what they bought before' },
    almost_lost: { who: 'Bought little, a while ago', todo: 'A cheap message; don’t spend much' },
    previously_loyal: { who: 'Were among the best and stay away', todo: 'Win them back in person and ask what went wrong: worth the most effort' },
    at_risk: { who: 'Bought a few times, long ago', todo: 'A comeback offer before they are gone' },
    dormant: { who: 'Bought little, long ago', todo: 'Leave them out of dear campaigns' },
    prospects: { who: 'Known, but without orders', todo: 'A first-order offer; look in the funnel where they drop out' },
}

const order = Object.keys(known)

/** From where those come who were not known before. */
export const arrivals = '(new)'

export const slipping = ['needs_attention', 'almost_lost', 'previously_loyal', 'at_risk']

export function meaningOf(segment: string): Meaning | null {
    return known[segment] ?? null
}

export function segmentName(segment: string): string {
    return segment === arrivals ? 'Not known yet' : sentence(segment)
}

/** Best first; arrivals before all, own segments after all. */
export function bySegment(a: string, b: string): number {
    const place = (name: string) => (name === arrivals ? -1 : order.includes(name) ? order.indexOf(name) : order.length)
    return place(a) - place(b) || a.localeCompare(b)
}

export type Direction = 'up' | 'down' | 'stayed' | 'arrived' | 'other'

export function directionOf(from: string, to: string): Direction {
    if (from === arrivals) return 'arrived'
    if (from === to) return 'stayed'
    if (!known[from] || !known[to]) return 'other'
    return order.indexOf(to) < order.indexOf(from) ? 'up' : 'down'
}

export interface Move {
    from_segment: string
    to_segment: string
    customers: number
    net_sales: number | null
}

export interface Moves {
    from: string[]
    to: string[]
    cell: (from: string, to: string) => Move | undefined
    counts: Record<Direction, number>
    /** Of those who moved, in the fullest cell. */
    most: number
}

export function movesOf(rows: Move[]): Moves {
    const found = new Map(rows.map((row) => [`${row.from_segment}\n${row.to_segment}`, row]))
    const counts: Record<Direction, number> = { up: 0, down: 0, stayed: 0, arrived: 0, other: 0 }
    let most = 0
    for (const row of rows) {
        const direction = directionOf(row.from_segment, row.to_segment)
        counts[direction] += row.customers
        if (direction !== 'stayed') most = Math.max(most, row.customers)
    }
    const names = (pick: (row: Move) => string) => [...new Set(rows.map(pick))].sort(bySegment)
    return { from: names((row) => row.from_segment), to: names((row) => row.to_segment), cell: (from, to) => found.get(`${from}\n${to}`), counts, most }
}
