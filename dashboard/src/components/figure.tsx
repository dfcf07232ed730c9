// A chart with its twin: the same figures as a table, and as CSV. All charts stand in one of these.

import { type ReactNode, useState } from 'react'
import { type Cell, csv, download } from '../format/csv'
import { type Column, DataTable, type DataTableProps } from './data_table'
import { Icon } from './icons'
import { Panel, type PanelProps } from './panel'

export interface Twin<R> {
    columns: Column<R>[]
    rows: R[]
}

interface FigureProps<T, R> extends PanelProps<T> {
    /** The file's name, without .csv. */
    file: string
    twin: (data: T) => Twin<R>
    extra?: ReactNode
}

export function saveTwin<R>(file: string, twin: Twin<R>): void {
    const names = twin.columns.map((column) => column.key)
    download(`${file}.csv`, csv(names, twin.rows.map((row) => twin.columns.map((column): Cell => column.value(row)))))
}

function SaveButton<T, R>({ title, file, twin, data }: { title: string; file: string; twin: (data: T) => Twin<R>; data: T | null }) {
    return (
        <button type="button" className="button quiet" onClick={() => data !== null && saveTwin(file, twin(data))} aria-label={`${title}: download as CSV`}>
            <Icon name="download" />
            <span className="button-text">CSV</span>
        </button>
    )
}

export function Figure<T, R>({ file, twin, extra, children, ...panel }: FigureProps<T, R>) {
    const [asTable, setAsTable] = useState(false)
    const { data } = panel.answer
    return (
        <Panel
            {...panel}
            className={`figure ${panel.className ?? ''}`}
            actions={
                <>
                    {extra}
                    <button type="button" className="button quiet" aria-pressed={asTable} onClick={() => setAsTable(!asTable)} aria-label={`${panel.title}: show as table`}>
                        <Icon name={asTable ? 'chart' : 'table'} />
                        <span className="button-text">{asTable ? 'Chart' : 'Table'}</span>
                    </button>
                    <SaveButton title={panel.title} file={file} twin={twin} data={data} />
                </>
            }
        >
            {(shown) => (asTable ? <DataTable label={panel.title} {...twin(shown)} scrolls /> : children(shown))}
        </Panel>
    )
}

interface TablePanelProps<T, R> extends Omit<PanelProps<T>, 'children'>, Pick<DataTableProps<R>, 'sort' | 'onSort' | 'rowKey' | 'scrolls'> {
    file: string
    twin: (data: T) => Twin<R>
    extra?: ReactNode
    /** Below the table, such as the way to its other pages. */
    foot?: (data: T) => ReactNode
}

/** A table that is no chart's twin, with its CSV. */
export function TablePanel<T, R>({ file, twin, extra, foot, sort, onSort, rowKey, scrolls, ...panel }: TablePanelProps<T, R>) {
    return (
        <Panel
            {...panel}
            actions={
                <>
                    {extra}
                    <SaveButton title={panel.title} file={file} twin={twin} data={panel.answer.data} />
                </>
            }
        >
            {(data) => (
                <>
                    <DataTable label={panel.title} {...twin(data)} {...{ sort, onSort, rowKey, scrolls }} />
                    {foot?.(data)}
                </>
            )}
        </Panel>
    )
}
