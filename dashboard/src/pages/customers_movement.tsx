// Who moved where between the evenings before and after the days that are shown.

import { rpc } from '../api/client'
import { useApi } from '../api/use_api'
import { Figure, type Twin } from '../components/figure'
import { RangePicker } from '../components/filter_bar'
import { Empty } from '../components/states'
import { day } from '../format/dates'
import { count, money, percent } from '../format/numbers'
import { useView } from '../state/context'
import { addDays } from '../state/range'
import { arrivals, bySegment, type Direction, directionOf, type Move, movesOf, segmentName } from './customers_segments'

const marks: Record<Direction, string> = { up: '↑', down: '↓', stayed: '', arrived: '+', other: '' }

export function MovementFigure() {
    const { scope, range, profile } = useView()
    const from = addDays(range.first, -1)
    const to = range.last < profile.today ? range.last : profile.today
    const moves = useApi<Move[]>(rpc('segment_movement', { from, to, store: scope.store }))
    return (
        <Figure
            title="Movement between segments"
            note={`From the end of ${day(from)} to the end of ${day(to)}.`}
            always={<RangePicker />}
            answer={moves}
            height={380}
            file={`segment_movement_${from}_${to}`}
            empty={(data) => (data.length === 0 ? <Empty title="Nobody was known on these days" /> : null)}
            twin={(data): Twin<Move> => ({
                columns: [
                    { key: 'from_segment', label: 'From', value: (row) => row.from_segment, show: (row) => segmentName(row.from_segment) },
                    { key: 'to_segment', label: 'To', value: (row) => row.to_segment, show: (row) => segmentName(row.to_segment) },
                    { key: 'customers', label: 'Customers', numeric: true, value: (row) => row.customers, show: (row) => count(row.customers) },
                    { key: 'net_sales', label: 'Net sales so far', numeric: true, value: (row) => row.net_sales, show: (row) => money(row.net_sales, profile.currency) },
                ],
                rows: [...data].sort((a, b) => bySegment(a.from_segment, b.from_segment) || bySegment(a.to_segment, b.to_segment)),
            })}
        >
            {(data) => <Matrix rows={data} />}
        </Figure>
    )
}

function Matrix({ rows }: { rows: Move[] }) {
    const { from, to, cell, counts, most } = movesOf(rows)
    const before = counts.up + counts.down + counts.stayed + counts.other
    const of = (some: number) => (before > 0 ? ` (${percent(some / before, 0)})` : '')
    const step = (move: Move) => Math.min(4, 1 + Math.floor((move.customers / Math.max(1, most)) * 4))
    const total = (pick: (row: Move) => boolean) => rows.filter(pick).reduce((sum, row) => sum + row.customers, 0)
    return (
        <>
            <ul className="moves" aria-label="In all">
                <li className="moved-up">
                    <b>
                        <span aria-hidden="true">↑</span> {count(counts.up)}
                    </b>{' '}
                    moved up{of(counts.up)}
                </li>
                <li className="moved-down">
                    <b>
                        <span aria-hidden="true">↓</span> {count(counts.down)}
                    </b>{' '}
                    moved down{of(counts.down)}
                </li>
                <li>
                    <b>{count(counts.stayed)}</b> stayed{of(counts.stayed)}
                </li>
                <li className="moved-in">
                    <b>
                        <span aria-hidden="true">+</span> {count(counts.arrived)}
                    </b>{' '}
                    came new
                </li>
            </ul>
            <div className="table-region" role="region" aria-label="Movement between segments: matrix" tabIndex={0}>
                <table className="matrix">
                    <thead>
                        <tr>
                            <th scope="col">
                                <span className="matrix-corner">
                                    From <span aria-hidden="true">↓</span> to <span aria-hidden="true">→</span>
                                </span>
                            </th>
                            {to.map((name) => (
                                <th scope="col" key={name}>
                                    {segmentName(name)}
                                </th>
                            ))}
                            <th scope="col">All</th>
                        </tr>
                    </thead>
                    <tbody>
                        {from.map((source) => (
                            <tr key={source}>
                                <th scope="row">{segmentName(source)}</th>
                                {to.map((target) => {
                                    const move = cell(source, target)
                                    const direction = directionOf(source, target)
                                    if (!move) return <td key={target} className={direction === 'stayed' ? 'stays' : undefined} />
                                    return (
                                        <td
                                            key={target}
                                            className={direction === 'stayed' ? 'stays' : `move ${direction} step-${step(move)}`}
                                            title={source === arrivals ? `${count(move.customers)} new to ${segmentName(target)}` : `${count(move.customers)} from ${segmentName(source)} to ${segmentName(target)}`}
                                        >
                                            {count(move.customers)}
                                            {marks[direction] && (
                                                <span className="move-mark" aria-hidden="true">
                                                    {marks[direction]}
                                                </span>
                                            )}
                                        </td>
                                    )
                                })}
                                <td className="matrix-sum">{count(total((row) => row.from_segment === source))}</td>
                            </tr>
                        ))}
                    </tbody>
                    <tfoot>
                        <tr>
                            <th scope="row">All</th>
                            {to.map((target) => (
                                <td key={target} className="matrix-sum">
                                    {count(total((row) => row.to_segment === target))}
                                </td>
                            ))}
                            <td className="matrix-sum">{count(total(() => true))}</td>
                        </tr>
                    </tfoot>
                </table>
            </div>
        </>
    )
}
