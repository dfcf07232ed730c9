// How things stand, in words: what is wrong, and what to do about it.

export interface HealthReport {
    version: string
    as_of: string
    lag_seconds: number
    pending_rows: number
    problems: string[]
    capabilities: { name: string; available: boolean; detail: string | null }[]
    rollups: Rollup[]
    models: Model[]
    jobs: Job[]
}

export interface Rollup {
    name: string
    grain: string | null
    status: string
    tail_rows: number
    lag: number
    last_refresh: string | null
    last_duration: number | null
    size_bytes: number | null
}

export interface Model {
    model_id: number
    store_id: string
    name: string
    kind: string
    version: number
    trained_at: string
    status: string
    promoted: boolean
    rows: number | null
    duration: string | null
    error: string | null
    metrics: Record<string, unknown> | null
}

export interface Job {
    job_name: string
    schedule: string
    last_run: string | null
    last_status: string | null
    last_message: string | null
}

export interface Finding {
    text: string
    todo: string
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)

function todoOf(problem: string): string {
    if (problem.startsWith('not built yet')) return 'SELECT analytics.refresh() builds it; reports are right meanwhile, and slower.'
    if (problem.startsWith('being built')) return 'Wait: reports are right meanwhile, and slower.'
    if (problem.includes('no refresh worker runs')) return 'Start one, or have pg_cron refresh: SELECT analytics.schedule(). Reports are right meanwhile, and slower.'
    if (problem.includes('not merged yet')) return 'A long transaction or much news holds the worker up; it catches up by itself. Reports are right meanwhile.'
    if (problem.startsWith('partition')) return 'SELECT analytics.maintain_partitions() makes it; schedule() has it done.'
    return 'The server’s log says more.'
}

/** Problems that the server tells, then runs that failed: of models and of jobs. */
export function findings(report: HealthReport): Finding[] {
    return [
        ...report.problems.map((problem) => ({ text: `${capital(problem)}.`, todo: todoOf(problem) })),
        ...report.jobs
            .filter((job) => job.last_status === 'failed')
            .map((job) => ({ text: `The job ${job.job_name} failed${job.last_message ? `: ${job.last_message}` : '.'}`, todo: 'It runs again by its schedule; mend what its message says.' })),
        ...report.models
            .filter((model) => model.status === 'failed')
            .map((model) => ({ text: `Training ${model.kind.replaceAll('_', ' ')} for ${model.store_id} failed${model.error ? `: ${model.error}` : '.'}`, todo: 'The version before serves on.' })),
    ]
}

export interface Measure {
    name: string
    value: number | string | boolean
}

/** Of a model's metrics those that are one figure, or one figure a level down; lists are for other pages. */
export function measuresOf(metrics: Record<string, unknown> | null): Measure[] {
    const measures: Measure[] = []
    const isPlain = (value: unknown): value is number | string | boolean => ['number', 'string', 'boolean'].includes(typeof value)
    for (const [name, value] of Object.entries(metrics ?? {})) {
        if (isPlain(value)) measures.push({ name, value })
        else if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
            for (const [part, figure] of Object.entries(value)) if (isPlain(figure) && !/^\d+$/.test(part)) measures.push({ name: `${name}: ${part}`, value: figure })
        }
    }
    return measures
}

/** 00:01:02.5 as PostgreSQL writes it, in seconds; null where it is no such thing. */
export function secondsOf(interval: string | null): number | null {
    const found = /^(?:(\d+) days? ?)?(\d+):(\d{2}):(\d{2}(?:\.\d+)?)$/.exec(interval ?? '')
    if (!found) return null
    const [, days = '0', hours, minutes, seconds] = found
    return Number(days) * 86_400 + Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)
}
