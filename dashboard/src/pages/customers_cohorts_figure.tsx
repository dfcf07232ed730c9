// Customers by the month of their first order, and what became of them month by month.

import { rows } from '../api/client'
import { useApi } from '../api/use_api'
import { heatStep } from '../charts/heat'
import { Figure, type Twin } from '../components/figure'
import { Empty } from '../components/states'
import { month } from '../format/dates'
import { count, money, percent, roundMoney } from '../format/numbers'
import { useView } from '../state/context'
import { useParameter } from '../state/location'
import { type CohortMeasure, type CohortRow, cohortGrid } from './customers_cohorts'

const latest = 24

export function CohortsFigure() {
    const { scope, profile } = useView()
    const [shown, show] = useParameter('cohorts', 'customers')
    const measure: CohortMeasure = shown === 'money' ? 'money' : 'customers'
    const cohorts = useApi<CohortRow[]>(rows('cohort_retention', { store_id: `eq.${scope.store}`, order: 'cohort_month,months_since' }))
    const currency = profile.currency
    return (
        <Figure
            title="Cohorts"
            note={measure === 'customers' ? 'Of those whose first order was in a month: how many bought again, by months since.' : 'Net sales so far per customer, by months since the first order.'}
            answer={cohorts}
            height={420}
            file="cohorts"
            extra={
                <div className="segmented" role="group" aria-label="Cohorts in">
                    <button type="button" aria-pressed={measure === 'customers'} onClick={() => show('customers')}>
                        Customers
                    </button>
                    <button type="button" aria-pressed={measure === 'money'} onClick={() => show('money')}>
                        Money
                    </button>
                </div>
            }
            empty={(data) => (data.length === 0 ? <Empty title="No first order yet">A cohort begins with the first order of a known customer.</Empty> : null)}
            twin={(data): Twin<CohortRow> => ({
                columns: [
                    { key: 'cohort_month', label: 'First order', value: (row) => row.cohort_month, show: (row) => month(row.cohort_month) },
                    { key: 'months_since', label: 'Months since', numeric: true, value: (row) => row.months_since },
                    { key: 'cohort_size', label: 'Customers', numeric: true, value: (row) => row.cohort_size, show: (row) => count(row.cohort_size) },
                    { key: 'customers', label: 'Bought', numeric: true, value: (row) => row.customers, show: (row) => count(row.customers) },
                    { key: 'retention', label: 'Share', numeric: true, value: (row) => row.retention, show: (row) => percent(row.retention) },
                    { key: 'net_sales', label: 'Net sales', numeric: true, value: (row) => row.net_sales, show: (row) => money(row.net_sales, currency) },
                    { key: 'cumulative_net_sales', label: 'Net sales so far', numeric: true, value: (row) => row.cumulative_net_sales, show: (row) => money(row.cumulative_net_sales, currency) },
                ],
                rows: data,
            })}
        >
            {(data) => {
                const grid = cohortGrid(data, measure, profile.today, latest)
                const written = (value: number) => (measure === 'customers' ? percent(value, 0) : roundMoney(Math.round(value), currency).replace(/[.,]00(?=\D*$)/, ''))
                return (
                    <>
                        <div className="table-region" role="region" aria-label="Cohorts: grid" tabIndex={0}>
                            <table className="cohorts">
                                <thead>
                                    <tr>
                                        <th scope="col">First order</th>
                                        <th scope="col">Customers</th>
                                        {Array.from({ length: grid.months }, (_, since) => (
                                            <th scope="col" key={since}>
                                                <span className="visually-hidden">Month </span>
                                                {since}
                                            </th>
                                        ))}
                                    </tr>
                                </thead>
                                <tbody>
                                    {grid.cohorts.map((cohort) => (
                                        <tr key={cohort.month}>
                                            <th scope="row">{month(cohort.month)}</th>
                                            <td className="cohort-size">{count(cohort.size)}</td>
                                            {cohort.cells.map((cell, since) => {
                                                if (!cell) return <td key={since} />
                                                const isStart = measure === 'customers' && since === 0
                                                return (
                                                    <td
                                                        key={since}
                                                        className={`heat heat-${isStart ? 'start' : heatStep(cell.value, grid.most)}${cell.unfinished ? ' unfinished' : ''}`}
                                                        title={`${month(cohort.month)}, ${since === 0 ? 'the first month' : `${since} months later`}: ${count(cell.customers)} of ${count(cohort.size)} bought${cell.unfinished ? '; the month is not over' : ''}`}
                                                    >
                                                        {written(cell.value)}
                                                    </td>
                                                )
                                            })}
                                        </tr>
                                    ))}
                                </tbody>
                                <tfoot>
                                    <tr>
                                        <th scope="row">All</th>
                                        <td className="cohort-size">{count(grid.cohorts.reduce((sum, cohort) => sum + cohort.size, 0))}</td>
                                        {grid.average.map((value, since) => (
                                            <td key={since}>{value === null ? '' : written(value)}</td>
                                        ))}
                                    </tr>
                                </tfoot>
                            </table>
                        </div>
                        <p className="heat-legend">
                            <span>
                                {written(0)}
                                <span className="heat-scale" aria-hidden="true">
                                    {[1, 2, 3, 4, 5, 6].map((step) => (
                                        <span key={step} className={`heat-${step}`} />
                                    ))}
                                </span>
                                {written(grid.most)}
                            </span>
                            <span>
                                <i className="unfinished">Italic</i>: the month is not over
                            </span>
                        </p>
                    </>
                )
            }}
        </Figure>
    )
}
