// Health: whether all is well, what came in and what was refused, what is merged, what models and jobs have done.

import { rpc } from '../api/client'
import { type Answer, useApi } from '../api/use_api'
import { ColumnChart } from '../charts/column_chart'
import { Figure, TablePanel, type Twin } from '../components/figure'
import { Icon } from '../components/icons'
import { Panel } from '../components/panel'
import { Empty, Failure, Loading } from '../components/states'
import { clock, instant } from '../format/dates'
import { sentence } from '../format/names'
import { bytes, count, decimal, duration, percent, shortCount } from '../format/numbers'
import { useView } from '../state/context'
import { RejectedPanel } from './health_rejected'
import { findings, type HealthReport, type Job, measuresOf, type Model, type Rollup, secondsOf } from './health_state'

interface Minute {
    minute: string
    events: number
    rejected: number
}

export function HealthPage() {
    const health = useApi<HealthReport>(rpc('health'), { every: 15_000 })
    const { scope } = useView()
    const ingest = useApi<Minute[]>(rpc('ingest_activity', { minutes: 60, store: scope.store }), { every: 15_000 })
    return (
        <>
            <Standing health={health} />
            <Figures health={health} ingest={ingest} />
            <IngestFigure ingest={quiet(ingest)} />
            <RejectedPanel />
            <ModelsPanel health={quiet(health)} />
            <RollupsPanel health={quiet(health)} />
            <div className="columns uneven">
                <JobsPanel health={quiet(health)} />
                <CapabilitiesPanel health={quiet(health)} />
            </div>
        </>
    )
}

/** Asked anew every few seconds: the old figures stay until the new ones are there. */
function quiet<T>(answer: Answer<T>): Answer<T> {
    return { ...answer, stale: answer.error !== null && answer.stale }
}

function Standing({ health }: { health: Answer<HealthReport> }) {
    const { profile } = useView()
    const { data } = health
    if (!data) {
        return <section className="panel">{health.error ? <Failure answer={health} /> : <Loading height={90} />}</section>
    }
    const found = findings(data)
    const isWell = found.length === 0
    return (
        <section className={`panel verdict ${isWell ? 'is-well' : 'is-degraded'}`} aria-labelledby="verdict">
            <span className="verdict-mark" aria-hidden="true">
                <Icon name={isWell ? 'check' : 'warning'} />
            </span>
            <div role="status">
                <h2 id="verdict">
                    {isWell ? 'All is well' : found.length === 1 ? 'It serves, but one thing wants a look' : `It serves, but ${found.length} things want a look`}
                </h2>
                {isWell ? (
                    <p className="note">Events come in, reports are up to date, and nothing failed.</p>
                ) : (
                    <ul className="findings">
                        {found.map((finding) => (
                            <li key={finding.text}>
                                {finding.text} <span className="note">{finding.todo}</span>
                            </li>
                        ))}
                    </ul>
                )}
            </div>
            <p className="verdict-version note">
                Version {data.version}
                <br />
                as of {instant(data.as_of, profile.timezone)}
            </p>
            {health.error && (
                <p className="stale">
                    <Icon name="warning" /> Not renewed: {health.error.message}.
                </p>
            )}
        </section>
    )
}

function Figures({ health, ingest }: { health: Answer<HealthReport>; ingest: Answer<Minute[]> }) {
    const sum = (value: (row: Minute) => number) => (ingest.data ?? []).reduce((total, row) => total + value(row), 0)
    const events = sum((row) => row.events)
    const rejected = sum((row) => row.rejected)
    const figures: [string, string | null, string][] = [
        ['Events taken in', ingest.data && count(events), 'in the last hour'],
        ['Rejected', ingest.data && count(rejected), events + rejected > 0 ? `${percent(rejected / (events + rejected))} of what came` : 'nothing came'],
        ['Not merged yet', health.data && (health.data.pending_rows >= 10_000 ? `${count(10_000)}+` : count(health.data.pending_rows)), 'new lines, counted in reports all the same'],
        ['Lag', health.data && (health.data.lag_seconds > 0 ? duration(health.data.lag_seconds) : 'None'), 'age of the oldest that is not merged'],
    ]
    if (ingest.error && health.error && !ingest.data && !health.data) return null
    return (
        <section className="cards four" aria-label="Key figures" aria-busy={!ingest.data || !health.data}>
            {figures.map(([name, value, note]) => (
                <div className="card" key={name}>
                    <span className="card-label">{name}</span>
                    {value !== null ? (
                        <>
                            <span className="card-value">{value}</span>
                            <span className="note">{note}</span>
                        </>
                    ) : (
                        <span className="card-value waiting" />
                    )}
                </div>
            ))}
        </section>
    )
}

function IngestFigure({ ingest }: { ingest: Answer<Minute[]> }) {
    const { profile } = useView()
    const at = (row: Minute | undefined) => clock(row?.minute, profile.timezone)
    return (
        <Figure
            title="What came in"
            note={`By minute, over the last hour, whenever it occurred. For the store ${profile.store_id}.`}
            answer={ingest}
            height={230}
            file="ingest_by_minute"
            empty={(data) => (data.every((row) => row.events === 0 && row.rejected === 0) ? <Empty title="Nothing came in the last hour">Neither events nor rejections.</Empty> : null)}
            twin={(data): Twin<Minute> => ({
                columns: [
                    { key: 'minute', label: 'Minute', value: (row) => row.minute, show: at },
                    { key: 'events', label: 'Taken in', numeric: true, value: (row) => row.events, show: (row) => count(row.events) },
                    { key: 'rejected', label: 'Rejected', numeric: true, value: (row) => row.rejected, show: (row) => count(row.rejected) },
                ],
                rows: [...data].reverse(),
            })}
        >
            {(data) => (
                <ColumnChart
                    label="Events by minute"
                    height={190}
                    parts={[
                        { name: 'Taken in', tone: 'series-0' },
                        { name: 'Rejected', tone: 'series-1' },
                    ]}
                    columns={data.map((row) => ({ key: row.minute, values: [row.events, row.rejected] }))}
                    written={count}
                    short={shortCount}
                    named={(place) => at(data[place])}
                    tick={(place) => at(data[place])}
                    unfinished
                />
            )}
        </Figure>
    )
}

const goodStatus = ['ready', 'current', 'succeeded']
const busyStatus = ['training', 'building', 'rebuilding', 'behind', 'running', 'starting', 'not built', 'insufficient_data', 'not_promoted']

export function Status({ status }: { status: string }) {
    const kind = goodStatus.includes(status) ? 'good' : busyStatus.includes(status) ? 'busy' : 'bad'
    return (
        <span className={`status is-${kind}`}>
            <span aria-hidden="true">{kind === 'good' ? '●' : kind === 'busy' ? '◐' : '▲'}</span> {sentence(status)}
        </span>
    )
}

function ModelsPanel({ health }: { health: Answer<HealthReport> }) {
    const { profile } = useView()
    const written = (value: number | string | boolean) => (typeof value === 'number' ? (Number.isInteger(value) ? count(value) : decimal(value, Math.abs(value) < 1 ? 4 : 2)) : String(value))
    return (
        <TablePanel
            title="Models"
            note="The newest run of each. One that comes to nothing changes nothing: the version before serves on."
            answer={health}
            file="models"
            empty={(data) => (data.models.length === 0 ? <Empty title="No model was trained yet">CALL analytics.run_models() trains them; schedule() has it done each night.</Empty> : null)}
            rowKey={(row: Model) => String(row.model_id)}
            twin={(data): Twin<Model> => ({
                columns: [
                    { key: 'kind', label: 'Model', value: (row) => row.kind, show: (row) => `${sentence(row.kind)}${row.name === 'default' ? '' : `: ${row.name}`}` },
                    { key: 'name', label: 'Name', value: (row) => row.name, hidden: true },
                    { key: 'store', label: 'Store', value: (row) => row.store_id },
                    { key: 'version', label: 'Version', numeric: true, minor: true, value: (row) => row.version },
                    { key: 'status', label: 'Status', value: (row) => row.status, show: (row) => (
                        <>
                            <Status status={row.status} />
                            {row.error && <small>{row.error}</small>}
                        </>
                    ) },
                    { key: 'trained_at', label: 'Trained', minor: true, value: (row) => row.trained_at, show: (row) => <span className="when">{instant(row.trained_at, profile.timezone)}</span> },
                    { key: 'rows', label: 'Learned from', numeric: true, minor: true, value: (row) => row.rows, show: (row) => count(row.rows) },
                    { key: 'duration', label: 'Took', numeric: true, minor: true, value: (row) => secondsOf(row.duration), show: (row) => duration(secondsOf(row.duration)) },
                    { key: 'metrics', label: 'Metrics', value: (row) => JSON.stringify(row.metrics), show: (row) => {
                        const measures = measuresOf(row.metrics)
                        if (measures.length === 0) return '–'
                        return (
                            <details className="metrics">
                                <summary>{count(measures.length)} figures</summary>
                                <dl>
                                    {measures.map((one) => (
                                        <div key={one.name}>
                                            <dt>{sentence(one.name)}</dt>
                                            <dd>{written(one.value)}</dd>
                                        </div>
                                    ))}
                                </dl>
                            </details>
                        )
                    } },
                ],
                rows: data.models,
            })}
        />
    )
}

function RollupsPanel({ health }: { health: Answer<HealthReport> }) {
    const { profile } = useView()
    return (
        <TablePanel
            title="Rollups"
            note="What reports are read from; what is new is added to it as it comes."
            answer={health}
            file="rollups"
            empty={(data) => (data.rollups.length === 0 ? <Empty title="There is no rollup" /> : null)}
            rowKey={(row: Rollup) => row.name}
            twin={(data): Twin<Rollup> => ({
                columns: [
                    { key: 'name', label: 'Rollup', value: (row) => row.name },
                    { key: 'status', label: 'Status', value: (row) => row.status, show: (row) => <Status status={row.status} /> },
                    { key: 'tail_rows', label: 'New lines', numeric: true, value: (row) => row.tail_rows, show: (row) => (row.tail_rows >= 10_000 ? `${count(10_000)}+` : count(row.tail_rows)) },
                    { key: 'lag_seconds', label: 'Lag', numeric: true, value: (row) => row.lag, show: (row) => (row.lag > 0 ? duration(row.lag) : '–') },
                    { key: 'last_refresh', label: 'Merged last', minor: true, value: (row) => row.last_refresh, show: (row) => instant(row.last_refresh, profile.timezone) },
                    { key: 'last_duration_seconds', label: 'Took', numeric: true, minor: true, value: (row) => row.last_duration, show: (row) => duration(row.last_duration) },
                    { key: 'size_bytes', label: 'Size', numeric: true, minor: true, value: (row) => row.size_bytes, show: (row) => bytes(row.size_bytes) },
                ],
                rows: data.rollups,
            })}
        />
    )
}

function JobsPanel({ health }: { health: Answer<HealthReport> }) {
    const { profile } = useView()
    return (
        <TablePanel
            title="Jobs"
            note="What pg_cron runs by schedule."
            answer={health}
            file="jobs"
            empty={(data) => (data.jobs.length === 0 ? <Empty title="No jobs">SELECT analytics.schedule() makes them, where pg_cron is; any other scheduler will do.</Empty> : null)}
            rowKey={(row: Job) => row.job_name}
            twin={(data): Twin<Job> => ({
                columns: [
                    { key: 'job_name', label: 'Job', value: (row) => row.job_name },
                    { key: 'schedule', label: 'Schedule', minor: true, value: (row) => row.schedule, show: (row) => <code>{row.schedule}</code> },
                    { key: 'last_run', label: 'Last run', value: (row) => row.last_run, show: (row) => (row.last_run ? instant(row.last_run, profile.timezone) : 'never') },
                    { key: 'last_status', label: 'Status', value: (row) => row.last_status, show: (row) => (row.last_status ? <Status status={row.last_status} /> : '–') },
                    { key: 'last_message', label: 'Message', minor: true, value: (row) => row.last_message },
                ],
                rows: data.jobs,
            })}
        />
    )
}

function CapabilitiesPanel({ health }: { health: Answer<HealthReport> }) {
    return (
        <Panel title="What this installation can" answer={health}>
            {(data) => (
                <ul className="capabilities">
                    {data.capabilities.map((one) => (
                        <li key={one.name}>
                            <span className={one.available ? 'is-there' : 'is-not-there'}>
                                <Icon name={one.available ? 'check' : 'close'} />
                                <span className="visually-hidden">{one.available ? 'Available: ' : 'Not available: '}</span>
                            </span>
                            <span>
                                {one.name}
                                {one.detail && <small>{one.detail}</small>}
                            </span>
                        </li>
                    ))}
                </ul>
            )}
        </Panel>
    )
}
