// Which page an address shows, who may see it, and what stands around it.

import { type ReactNode, useEffect, useSyncExternalStore } from 'react'
import { rows } from './api/client'
import { leaveSignIn, onSession, signInAsked } from './api/session'
import type { StoreProfile } from './api/types'
import { useApi } from './api/use_api'
import { Shell } from './components/shell'
import { SignIn } from './components/sign_in'
import { Empty, Failure, Loading } from './components/states'
import { CustomersPage } from './pages/customers'
import { FunnelPage } from './pages/funnel'
import { HealthPage } from './pages/health'
import { LivePage } from './pages/live'
import { OverviewPage } from './pages/overview'
import { ProductsPage } from './pages/products'
import { chosen, ViewProvider } from './state/context'
import { usePath, useQuery } from './state/location'
import { parseView } from './state/view'

interface PageRoute {
    title: string
    page: (rest: string) => ReactNode
}

const pages: Record<string, PageRoute> = {
    '': { title: 'Overview', page: () => <OverviewPage /> },
    customers: { title: 'Customers', page: (rest) => <CustomersPage customer={rest ? decodeURIComponent(rest) : null} /> },
    products: { title: 'Products', page: () => <ProductsPage /> },
    funnel: { title: 'Funnel', page: () => <FunnelPage /> },
    live: { title: 'Live', page: () => <LivePage /> },
    health: { title: 'Health', page: () => <HealthPage /> },
}

export function App() {
    const path = usePath()
    const query = useQuery()
    const asked = useSyncExternalStore(onSession, signInAsked)
    const profiles = useApi<StoreProfile[]>(rows('store_profile', { order: 'store_id' }))

    const [, name = '', rest = ''] = /^\/([^/]*)\/?(.*)$/.exec(path) ?? []
    const route = pages[name]
    const title = route?.title ?? 'Not found'
    useEffect(() => {
        document.title = `${title} · Analytics`
    }, [title])

    // An anonymous role that may not even see which stores there are is as good as none.
    const shut = profiles.error?.status === 401
    if (asked || shut) return <SignIn refusal={asked?.refusal ?? null} {...(shut ? {} : { onLeave: leaveSignIn })} />
    if (!profiles.data) {
        return <Shell title={title}>{profiles.error ? <Failure answer={profiles} /> : <Loading height={400} />}</Shell>
    }
    const profile = chosen(profiles.data, parseView(query).store)
    if (!profile) {
        return (
            <Shell title={title}>
                <Empty title={profiles.data.length ? 'There is no such store, or it is not yours to see' : 'No store yet'}>
                    {profiles.data.length ? <a href="/">Show the stores that are there</a> : 'A store is there from its first event on.'}
                </Empty>
            </Shell>
        )
    }
    return (
        <ViewProvider profiles={profiles.data} profile={profile}>
            <Shell title={title} filters={!['customers', 'live', 'health'].includes(name) && !rest}>
                {route ? (
                    route.page(rest)
                ) : (
                    <Empty title="There is no such page">
                        <a href="/">Go to the overview</a>
                    </Empty>
                )}
            </Shell>
        </ViewProvider>
    )
}
