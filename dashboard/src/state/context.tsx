// The view, the store that it is of, and what every report is asked with.

import { createContext, type ReactNode, useContext, useMemo } from 'react'
import type { StoreProfile } from '../api/types'
import { navigate, useQuery } from './location'
import { grainOf, type Range, rangeOf } from './range'
import { type Grain, parseView, printView, type View } from './view'

export interface ViewState {
    view: View
    profile: StoreProfile
    profiles: StoreProfile[]
    range: Range
    grain: Exclude<Grain, 'auto'>
    /** Money is in it. */
    currency: string
    /** Arguments of visualize() and its kind: range, comparison, filters, store, currency. */
    scope: { from: string; to: string; compare: string; filters: View['filters']; store: string; currency: string | null }
    change: (part: Partial<View>) => void
}

/** null: no store is known yet. */
export const ViewContext = createContext<ViewState | null>(null)

/** The store that the address names, else main if it has events, else the first that has. */
export function chosen(profiles: StoreProfile[], store: string | null): StoreProfile | null {
    if (store !== null) return profiles.find((profile) => profile.store_id === store) ?? null
    const alive = profiles.filter((profile) => profile.first_event_at !== null)
    return alive.find((profile) => profile.store_id === 'main') ?? alive[0] ?? profiles[0] ?? null
}

export function ViewProvider({ profiles, profile, children }: { profiles: StoreProfile[]; profile: StoreProfile; children: ReactNode }) {
    const query = useQuery()
    const state = useMemo<ViewState>(() => {
        const view = parseView(query)
        const range = rangeOf(view.range, profile)
        return {
            view,
            profile,
            profiles,
            range,
            grain: grainOf(view.grain, range.days),
            currency: view.currency ?? profile.currency,
            scope: { from: range.from, to: range.to, compare: view.compare, filters: view.filters, store: profile.store_id, currency: view.currency },
            change: (part) => navigate(location.pathname + printView({ ...parseView(location.search), ...part }, location.search)),
        }
    }, [query, profiles, profile])
    return <ViewContext.Provider value={state}>{children}</ViewContext.Provider>
}

export function useView(): ViewState {
    const state = useContext(ViewContext)
    if (!state) throw new Error('useView() outside of ViewProvider')
    return state
}

/** The address of a page in the present view, without what belongs to other pages. */
export function usePageLink(): (path: string, own?: Record<string, string>) => string {
    const query = useQuery()
    return (path, own) => path + printView(parseView(query), own ? `?${new URLSearchParams(own)}` : '')
}
