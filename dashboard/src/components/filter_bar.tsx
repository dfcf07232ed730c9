// Range, comparison, grain, filters and money: all of it is written into the address.

import { type FormEvent, useId, useState } from 'react'
import { rpc } from '../api/client'
import type { Report } from '../api/types'
import { useApi } from '../api/use_api'
import { day, dayRange } from '../format/dates'
import { keyName, notSent, sentence } from '../format/names'
import { count } from '../format/numbers'
import { useView } from '../state/context'
import { rangeOf } from '../state/range'
import { type Comparison, comparisons, type Dimension, dimensions, type Grain, grains, type Preset, presets, toggled, type View } from '../state/view'
import { Icon } from './icons'
import { Popover } from './popover'

const presetNames: Record<Preset, string> = {
    today: 'Today',
    yesterday: 'Yesterday',
    '7d': 'Last 7 days',
    '30d': 'Last 30 days',
    '90d': 'Last 90 days',
    '12m': 'Last 12 months',
    month: 'This month',
    last_month: 'Last month',
    quarter: 'This quarter',
    year: 'This year',
    all: 'All time',
}

const comparisonNames: Record<Comparison, string> = { previous_period: 'Previous period', previous_year: 'Previous year', none: 'No comparison' }
const grainNames: Record<Grain, string> = { auto: 'Automatic', hour: 'Hours', day: 'Days', week: 'Weeks', month: 'Months' }

export function StorePicker() {
    const { profile, profiles, change } = useView()
    if (profiles.length < 2) return <p className="store-name">{profile.store_id}</p>
    return (
        <label className="control store">
            <span className="control-label">Store</span>
            {/* Filters are of one store's data: they stay behind. */}
            <select value={profile.store_id} onChange={(event) => change({ store: event.target.value, filters: {}, currency: null })}>
                {profiles.map((each) => (
                    <option key={each.store_id} value={each.store_id}>
                        {each.store_id}
                    </option>
                ))}
            </select>
        </label>
    )
}

export function FilterBar() {
    const { view, range, grain, change } = useView()
    const chips = dimensions.flatMap((dimension) => (view.filters[dimension] ?? []).map((value) => [dimension, value] as const))
    return (
        <div className="filter-bar" role="group" aria-label="What is shown">
            <RangePicker />
            <Choice label="Compared with" value={view.compare} options={comparisons.map((name) => [name, comparisonNames[name]])} onChange={(compare) => change({ compare })} />
            <Choice
                label="By"
                value={view.grain}
                options={grains.filter((name) => name !== 'hour' || range.days <= 31).map((name) => [name, name === 'auto' ? `${grainNames[grain]} (automatic)` : grainNames[name]])}
                onChange={(next) => change({ grain: next })}
            />
            <FilterPicker />
            <MoneyPicker />
            {chips.length > 0 && (
                <ul className="chips" aria-label="Filters">
                    {chips.map(([dimension, value]) => (
                        <li key={`${dimension} ${value}`}>
                            <button type="button" className="chip" aria-label={`Remove filter: ${dimension} ${keyName(dimension, value)}`} onClick={() => change({ filters: toggled(view.filters, dimension, value) })}>
                                <span className="chip-name">{sentence(dimension)}</span> {keyName(dimension, value)} <Icon name="close" />
                            </button>
                        </li>
                    ))}
                    {chips.length > 1 && (
                        <li>
                            <button type="button" className="link" onClick={() => change({ filters: {} })}>
                                Clear all
                            </button>
                        </li>
                    )}
                </ul>
            )}
        </div>
    )
}

/** What paper says in place of the controls: the store and, where the page goes by them, days and filters. */
export function OnPaper({ filters }: { filters: boolean }) {
    const { view, profile, range } = useView()
    const chosen = dimensions.flatMap((dimension) => (view.filters[dimension] ? [`${dimension}: ${view.filters[dimension].map((value) => keyName(dimension, value)).join(', ')}`] : []))
    return <p className="on-paper">{[profile.store_id, ...(filters ? [dayRange(range.first, range.last), ...chosen] : [])].join('; ')}</p>
}

function Choice<T extends string>({ label, value, options, onChange }: { label: string; value: T; options: (readonly [T, string])[]; onChange: (value: T) => void }) {
    return (
        <label className="control">
            <span className="control-label">{label}</span>
            <select value={value} onChange={(event) => onChange(event.target.value as T)}>
                {options.map(([name, text]) => (
                    <option key={name} value={name}>
                        {text}
                    </option>
                ))}
            </select>
        </label>
    )
}

export function RangePicker() {
    const { view, range } = useView()
    const days = dayRange(range.first, range.last)
    const name = typeof view.range === 'string' ? presetNames[view.range] : null
    return (
        <Popover
            title="Date range"
            label={`Date range: ${name ? `${name}, ` : ''}${days}`}
            button={
                <>
                    <Icon name="calendar" />
                    {name && <span className="range-name">{name}</span>}
                    <span className={name ? 'range-days' : undefined}>{days}</span>
                    <Icon name="down" />
                </>
            }
        >
            {(close) => <RangeForm close={close} />}
        </Popover>
    )
}

function RangeForm({ close }: { close: () => void }) {
    const { view, profile, range, change } = useView()
    const [first, setFirst] = useState(range.first)
    const [last, setLast] = useState(range.last)
    const id = useId()
    const pick = (next: View['range']) => {
        change({ range: next })
        close()
    }
    const submit = (event: FormEvent) => {
        event.preventDefault()
        if (first && last) pick(first <= last ? { first, last } : { first: last, last: first })
    }
    return (
        <div className="range-form">
            <ul className="menu">
                {presets.map((preset) => (
                    <li key={preset}>
                        <button type="button" aria-current={view.range === preset ? 'true' : undefined} onClick={() => pick(preset)}>
                            {presetNames[preset]}
                        </button>
                    </li>
                ))}
            </ul>
            <form onSubmit={submit}>
                <label htmlFor={`${id}-first`}>From</label>
                <input id={`${id}-first`} type="date" required value={first} max={profile.today} onChange={(event) => setFirst(event.target.value)} />
                <label htmlFor={`${id}-last`}>Until</label>
                <input id={`${id}-last`} type="date" required value={last} onChange={(event) => setLast(event.target.value)} />
                <button type="submit" className="button primary">
                    Show these days
                </button>
                <p className="note">
                    Days of {profile.timezone}. {profile.first_event_at && `Data begins ${day(rangeOf('all', profile).first)}.`}
                    {profile.clock === 'data' && ' Today is the day of the newest event.'}
                </p>
            </form>
        </div>
    )
}

function FilterPicker() {
    return (
        <Popover
            title="Filters"
            button={
                <>
                    <Icon name="filter" /> Filter
                </>
            }
        >
            {() => <FilterForm />}
        </Popover>
    )
}

function FilterForm() {
    const { view, scope, change } = useView()
    const [dimension, setDimension] = useState<Dimension>('channel')
    const [search, setSearch] = useState('')
    // all values of the range, not those alone that the present filter leaves
    const { [dimension]: _, ...others } = scope.filters
    const found = useApi<Report>(rpc('visualize', { ...scope, metric: dimension === 'category' ? 'net_sales' : 'events', grain: 'total', by: dimension, compare: 'none', filters: others, limit: 100 }))
    const chosen = view.filters[dimension] ?? []
    const keys = (found.data?.series ?? []).map((series) => series.key ?? notSent).filter((key) => key !== '(other)')
    const all = [...chosen.filter((value) => !keys.includes(value)), ...keys]
    const shown = all.filter((key) => keyName(dimension, key).toLowerCase().includes(search.toLowerCase()))
    return (
        <div className="filter-form">
            <div className="segmented" role="group" aria-label="Filter by">
                {dimensions.map((name) => (
                    <button
                        key={name}
                        type="button"
                        aria-pressed={name === dimension}
                        onClick={() => {
                            setDimension(name)
                            setSearch('')
                        }}
                    >
                        {sentence(name)}
                    </button>
                ))}
            </div>
            {all.length > 8 && <input type="search" placeholder="Search" aria-label={`Search ${dimension}`} value={search} onChange={(event) => setSearch(event.target.value)} />}
            {found.error && <p className="note">{found.error.message}</p>}
            {found.loading && !found.data && <p className="note">Loading</p>}
            {!found.loading && shown.length === 0 && <p className="note">None in these days.</p>}
            <ul className="choices">
                {shown.map((key) => (
                    <li key={key}>
                        <label>
                            <input type="checkbox" checked={chosen.includes(key)} onChange={() => change({ filters: toggled(view.filters, dimension, key) })} />
                            <span>{keyName(dimension, key)}</span>
                            <span className="choice-count">{dimension !== 'category' && count(found.data?.series.find((series) => (series.key ?? notSent) === key)?.total)}</span>
                        </label>
                    </li>
                ))}
            </ul>
            {dimension !== 'category' && shown.length > 0 && <p className="note">Numbers are events of these days.</p>}
        </div>
    )
}

function MoneyPicker() {
    const { view, profile } = useView()
    const changed = view.currency !== null || view.basis !== 'refund'
    const text = view.currency ?? profile.currency
    return (
        <Popover
            title="Money"
            label={`Money: ${text}${view.basis === 'order' ? ', refunds on the day of the order' : ''}`}
            button={
                <>
                    <Icon name="money" /> {text}
                    {view.basis === 'order' && <span className="control-label">by order</span>}
                    {changed && <span className="dot-mark" />}
                </>
            }
        >
            {() => <MoneyForm />}
        </Popover>
    )
}

function MoneyForm() {
    const { view, profile, scope, change } = useView()
    const found = useApi<Report>(rpc('visualize', { ...scope, metric: 'orders', grain: 'total', by: 'currency', compare: 'none', currency: null }))
    const sold = (found.data?.series ?? []).map((series) => series.key).filter((key): key is string => key !== null && /^[A-Z]{3}$/.test(key))
    const currencies = [...new Set([...(view.currency ? [view.currency] : []), ...sold])]
    return (
        <div className="money-form">
            <fieldset>
                <legend>Currency</legend>
                <label>
                    <input type="radio" name="currency" checked={view.currency === null} onChange={() => change({ currency: null })} />
                    <span>
                        All, in {profile.currency}
                        <small>Converted at each day's rate</small>
                    </span>
                </label>
                {currencies.map((code) => (
                    <label key={code}>
                        <input type="radio" name="currency" checked={view.currency === code} onChange={() => change({ currency: code })} />
                        <span>
                            {code} alone
                            <small>Only what was sold in it</small>
                        </span>
                    </label>
                ))}
            </fieldset>
            <fieldset>
                <legend>Refunds count on the day</legend>
                <label>
                    <input type="radio" name="basis" checked={view.basis === 'refund'} onChange={() => change({ basis: 'refund' })} />
                    <span>of the refund</span>
                </label>
                <label>
                    <input type="radio" name="basis" checked={view.basis === 'order'} onChange={() => change({ basis: 'order' })} />
                    <span>of the order</span>
                </label>
            </fieldset>
        </div>
    )
}
