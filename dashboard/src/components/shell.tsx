// What stands around every page: the way to the others, the store, and (where the page has them) range and filters.

import { type ReactNode, useContext, useEffect, useRef, useState } from 'react'
import { askToSignIn, signOut, token } from '../api/session'
import { usePath, useQuery } from '../state/location'
import { setTheme, type Theme, theme, themes } from '../state/theme'
import { parseView, printView } from '../state/view'
import { FilterBar, OnPaper, StorePicker } from './filter_bar'
import { Icon, type IconName } from './icons'
import { Link } from './link'
import { ViewContext } from '../state/context'

const ways: [string, string, IconName][] = [
    ['/', 'Overview', 'overview'],
    ['/customers', 'Customers', 'customers'],
    ['/products', 'Products', 'products'],
    ['/funnel', 'Funnel', 'funnel'],
    ['/live', 'Live', 'live'],
    ['/health', 'Health', 'health'],
]

export function Shell({ title, filters = false, children }: { title: string; filters?: boolean; children: ReactNode }) {
    const path = usePath()
    const query = printView(parseView(useQuery()))
    const hasView = useContext(ViewContext) !== null
    const heading = useRef<HTMLHeadingElement>(null)
    const first = useRef(true)
    // Who follows a link by keyboard or screen reader arrives at the page's name.
    useEffect(() => {
        if (!first.current) heading.current?.focus()
        first.current = false
    }, [path])
    return (
        <div className="shell">
            <a className="skip" href="#page">
                Skip to the page
            </a>
            <nav className="rail" aria-label="Pages">
                <Link href={`/${query}`} className="brand" aria-label="Analytics: overview">
                    <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
                        <rect width="32" height="32" rx="7" />
                        <path d="M7 22.5l6-7 5 4 7-10" />
                    </svg>
                    <span>Analytics</span>
                </Link>
                <ul>
                    {ways.map(([href, name, icon]) => {
                        const here = href === '/' ? path === '/' : path === href || path.startsWith(`${href}/`)
                        return (
                            <li key={href}>
                                <Link href={href + query} aria-current={here ? 'page' : undefined}>
                                    <Icon name={icon} />
                                    <span>{name}</span>
                                </Link>
                            </li>
                        )
                    })}
                </ul>
                <Preferences place="rail-foot" />
            </nav>
            <main id="page" tabIndex={-1}>
                <header className="page-head">
                    <h1 ref={heading} tabIndex={-1}>
                        {title}
                    </h1>
                    {hasView && <StorePicker />}
                </header>
                {hasView && <OnPaper filters={filters} />}
                {hasView && filters && <FilterBar />}
                {children}
                <Preferences place="page-foot" />
            </main>
        </div>
    )
}

/** At the foot of the rail; where there is none, of the page. */
function Preferences({ place }: { place: string }) {
    return (
        <div className={place}>
            <ThemePicker />
            {token() ? (
                <button type="button" className="control" onClick={signOut}>
                    <Icon name="leave" /> Sign out
                </button>
            ) : (
                <button type="button" className="control" onClick={() => askToSignIn(null)}>
                    <Icon name="leave" /> Sign in
                </button>
            )}
        </div>
    )
}

function ThemePicker() {
    const [now, setNow] = useState<Theme>(theme())
    return (
        <label className="control theme">
            <Icon name="theme" />
            <span className="visually-hidden">Theme</span>
            <select
                value={now}
                onChange={(event) => {
                    const next = event.target.value as Theme
                    setTheme(next)
                    setNow(next)
                }}
            >
                {themes.map((name) => (
                    <option key={name} value={name}>
                        {{ system: 'As the system', light: 'Light', dark: 'Dark' }[name]}
                    </option>
                ))}
            </select>
        </label>
    )
}
