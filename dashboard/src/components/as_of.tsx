// How new the figures are.

import { instant } from '../format/dates'
import { count } from '../format/numbers'
import { useView } from '../state/context'

export function AsOf({ report }: { report: { as_of: string; pending_rows: number } | null }) {
    const { profile } = useView()
    if (!report) return null
    return (
        <p className="as-of">
            {profile.clock === 'data' ? 'Newest event' : 'As of'} {instant(report.as_of, profile.timezone)} ({profile.timezone})
            {report.pending_rows > 0 && ` · ${count(report.pending_rows)} new lines counted, not merged yet`}
        </p>
    )
}
