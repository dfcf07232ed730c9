import { cleanup, render, screen, within } from '@testing-library/react'
import userEvent from '@testing-library/user-event'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { ApiError } from '../../src/api/client'
import type { Answer } from '../../src/api/use_api'
import { BarList } from '../../src/charts/bar_list'
import { FunnelSteps } from '../../src/charts/funnel_steps'
import { LineChart } from '../../src/charts/line_chart'
import { labelPlaces } from '../../src/charts/ticks'
import { DataTable } from '../../src/components/data_table'
import { Delta } from '../../src/components/delta'
import { Figure } from '../../src/components/figure'
import { Popover } from '../../src/components/popover'
import { Empty } from '../../src/components/states'
import * as files from '../../src/format/csv'

afterEach(() => {
    cleanup()
    vi.restoreAllMocks()
})

const answer = <T,>(part: Partial<Answer<T>>): Answer<T> => ({ data: null, error: null, loading: false, stale: false, at: null, reload: () => {}, ...part })

interface Row {
    name: string
    sales: number
}

function show(state: Answer<Row[]>) {
    return render(
        <Figure
            title="Sales"
            answer={state}
            file="sales"
            empty={(data) => (data.length === 0 ? <Empty title="Nothing in these days" /> : null)}
            twin={(data) => ({
                columns: [
                    { key: 'name', label: 'Name', value: (row: Row) => row.name },
                    { key: 'sales', label: 'Sales', numeric: true, value: (row: Row) => row.sales, show: (row: Row) => `£${row.sales}` },
                ],
                rows: data,
            })}
        >
            {() => <p>the chart</p>}
        </Figure>,
    )
}

describe('Figure', () => {
    it('has the same figures as a chart, a table and CSV', async () => {
        const saved = vi.spyOn(files, 'download').mockImplementation(() => {})
        show(answer({ data: [{ name: 'a', sales: 5 }] }))
        expect(screen.getByText('the chart')).toBeTruthy()
        await userEvent.click(screen.getByRole('button', { name: 'Sales: show as table' }))
        expect(screen.queryByText('the chart')).toBeNull()
        expect(within(screen.getByRole('table')).getByText('£5')).toBeTruthy()
        await userEvent.click(screen.getByRole('button', { name: 'Sales: download as CSV' }))
        expect(saved).toHaveBeenCalledWith('sales.csv', 'name,sales\r\na,5\r\n')
    })

    it('is loading, empty, failed, old or there', () => {
        show(answer({ loading: true }))
        expect(screen.getByRole('status').textContent).toContain('Loading')
        cleanup()
        show(answer({ data: [] }))
        expect(screen.getByText('Nothing in these days')).toBeTruthy()
        expect(screen.queryByRole('button')).toBeNull()
        cleanup()
        show(answer({ error: new ApiError(400, '22023', 'invalid grain', null, 'Use day.') }))
        expect(screen.getByRole('alert').textContent).toMatch(/Invalid grain\..*Use day\./)
        cleanup()
        show(answer({ error: new ApiError(404, 'PGRST202', 'no such function') }))
        expect(screen.getByText('Not served here')).toBeTruthy()
        cleanup()
        show(answer({ data: [{ name: 'a', sales: 5 }], stale: true, at: Date.now(), error: new ApiError(0, 'unreachable', 'the server does not answer') }))
        expect(screen.getByText('the chart')).toBeTruthy()
        expect(screen.getByRole('status').textContent).toContain('the server does not answer')
    })
})

describe('LineChart', () => {
    const points = ['2011-12-01', '2011-12-02', '2011-12-03'].map((label, i) => ({ label, value: i === 1 ? null : i * 10 }))
    const chart = (onZoom?: (first: string, last: string) => void) =>
        render(
            <LineChart
                label="Sales by day"
                lines={[{ name: 'Sales', points, previous: points }]}
                written={(value) => (value === null ? 'none' : `£${value}`)}
                short={String}
                bucket={(label) => label}
                tick={(label) => label}
                {...(onZoom ? { onZoom } : {})}
            />,
        )

    it('reads its values by keyboard', async () => {
        chart()
        const plot = screen.getByRole('slider', { name: /Sales by day/ })
        await userEvent.tab()
        expect(document.activeElement).toBe(plot)
        await userEvent.keyboard('{Home}')
        expect(plot.getAttribute('aria-valuetext')).toBe('2011-12-01: £0, before £0')
        await userEvent.keyboard('{ArrowRight}')
        expect(plot.getAttribute('aria-valuetext')).toBe('2011-12-02: none, before none')
        await userEvent.keyboard('{End}{ArrowRight}')
        expect(plot.getAttribute('aria-valuetext')).toBe('2011-12-03: £20, before £20')
    })

    it('zooms in on a point by Enter', async () => {
        const zoom = vi.fn()
        chart(zoom)
        await userEvent.tab()
        await userEvent.keyboard('{Home}{Enter}')
        expect(zoom).toHaveBeenCalledWith('2011-12-01', '2011-12-01')
    })

    it('breaks the line where there is no value', () => {
        const { container } = chart()
        expect(container.querySelector('path.now')?.getAttribute('d')?.match(/M/g)).toHaveLength(2)
    })

    it('has as many labels as there is room for', () => {
        expect(labelPlaces(30, 720, 72)).toEqual([0, 3, 6, 9, 12, 15, 18, 21, 24, 27])
        expect(labelPlaces(3, 720, 72)).toEqual([0, 1, 2])
        expect(labelPlaces(0, 720, 72)).toEqual([])
    })
})

describe('BarList', () => {
    it('filters by its rows, and draws no bar to the left for less than nothing', async () => {
        const pick = vi.fn()
        const { container } = render(
            <BarList
                label="Countries"
                bars={[
                    { key: 'DE', name: 'Germany', value: 200, selected: true },
                    { key: 'FR', name: 'France', value: 50 },
                    { key: 'IT', name: 'Italy', value: -10 },
                    { key: '(other)', name: 'Other', value: 5, fixed: true },
                ]}
                written={String}
                onPick={pick}
            />,
        )
        expect([...container.querySelectorAll<HTMLElement>('.bar-fill')].map((bar) => bar.style.width)).toEqual(['100%', '25%', '0%', '2.5%'])
        expect(screen.getByRole('button', { pressed: true }).textContent).toContain('Germany')
        await userEvent.click(screen.getByRole('button', { name: /France/ }))
        expect(pick).toHaveBeenCalledWith('FR')
        expect(screen.getAllByRole('button')).toHaveLength(3)
    })
})

describe('FunnelSteps', () => {
    it('compares shares, not counts', () => {
        render(
            <FunnelSteps
                label="Funnel"
                steps={[
                    { name: 'Sessions', value: 200, previous: 100 },
                    { name: 'Bought', value: 20, previous: 20 },
                ]}
            />,
        )
        const bought = screen.getAllByRole('listitem')[1]!
        expect(bought.textContent).toContain('10.0% go on')
        expect(bought.textContent).toContain('180 leave')
        expect(bought.textContent).toContain('20.0% before')
    })
})

describe('DataTable', () => {
    it('sorts numbers downwards first, words upwards', async () => {
        const sorted = vi.fn()
        const columns = [
            { key: 'name', label: 'Name', sortable: true, value: (row: Row) => row.name },
            { key: 'sales', label: 'Sales', sortable: true, numeric: true, value: (row: Row) => row.sales },
        ]
        const page = render(<DataTable label="Sales" columns={columns} rows={[{ name: 'a', sales: 1 }]} sort="sales" onSort={sorted} />)
        expect(screen.getByRole('columnheader', { name: /Sales/ }).getAttribute('aria-sort')).toBe('descending')
        await userEvent.click(screen.getByRole('button', { name: /Sales/ }))
        expect(sorted).toHaveBeenLastCalledWith('-sales')
        await userEvent.click(screen.getByRole('button', { name: /Name/ }))
        expect(sorted).toHaveBeenLastCalledWith('-name')
        page.rerender(<DataTable label="Sales" columns={columns} rows={[]} sort="-name" onSort={sorted} />)
        await userEvent.click(screen.getByRole('button', { name: /Name/ }))
        expect(sorted).toHaveBeenLastCalledWith('name')
    })
})

describe('Delta', () => {
    it('says by words, sign and arrow what colour says', () => {
        const { container } = render(<Delta percent={-12.34} previous="£100" />)
        expect(container.textContent).toMatch(/▼ [-−]12\.3% against £100/)
        expect(container.querySelector('.bad')).toBeTruthy()
        cleanup()
        expect(render(<Delta percent={-12.34} lessIsBetter />).container.querySelector('.good')).toBeTruthy()
        cleanup()
        expect(render(<Delta percent={0.01} />).container.querySelector('.flat')?.textContent).toContain('=')
        cleanup()
        expect(render(<Delta percent={null} />).container.textContent).toBe('–')
    })
})

describe('Popover', () => {
    it('opens into its first field, closes by Escape and gives the focus back', async () => {
        render(
            <Popover button="Filter" title="Filters">
                {() => <input aria-label="Search" />}
            </Popover>,
        )
        await userEvent.tab()
        await userEvent.keyboard('{Enter}')
        expect(document.activeElement).toBe(screen.getByRole('textbox'))
        await userEvent.keyboard('{Escape}')
        expect(screen.queryByRole('dialog')).toBeNull()
        expect(document.activeElement).toBe(screen.getByRole('button', { name: 'Filter' }))
    })
})
