// Groups of similar customers, as the model of clusters found them.

import { rows } from '../api/client'
import { useApi } from '../api/use_api'
import { TablePanel, type Twin } from '../components/figure'
import { Empty } from '../components/states'
import { sentence } from '../format/names'
import { count, decimal, percent, roundMoney } from '../format/numbers'
import { useView } from '../state/context'

interface ProfileRow {
    name: string
    cluster: number
    size: number
    share: number
    position: number
    feature: string
    mean: number
    median: number
}

interface Group {
    key: string
    name: string
    cluster: number
    size: number
    share: number
    means: Map<string, number>
}

function groupsOf(rows: ProfileRow[]): Group[] {
    const found = new Map<string, Group>()
    for (const row of rows) {
        const key = `${row.name} ${row.cluster}`
        const group = found.get(key) ?? { key, name: row.name, cluster: row.cluster, size: row.size, share: row.share, means: new Map() }
        group.means.set(row.feature, row.mean)
        found.set(key, group)
    }
    return [...found.values()]
}

const featureNames: Record<string, string> = { recency_days: 'Last order' }
const moneyFeatures = ['net_sales', 'gross_sales', 'aov', 'discounts', 'returns', 'monetary']

/** Clusters are counted from 0; people count from 1. */
export function groupName(name: string, cluster: number): string {
    return `${name === 'customers' ? 'Group' : sentence(name)} ${cluster + 1}`
}

export function GroupsPanel() {
    const { scope, profile } = useView()
    const found = useApi<ProfileRow[]>(
        rows('cluster_profile', { select: 'name,cluster,size,share,position,feature,mean,median', store_id: `eq.${scope.store}`, order: 'name,cluster,position' }),
    )
    const written = (feature: string, value: number | undefined) =>
        moneyFeatures.includes(feature) ? roundMoney(value, profile.currency) : feature === 'recency_days' ? `${decimal(value, 0)} days ago` : decimal(value, 1)
    return (
        <TablePanel
            title="Groups of similar customers"
            note="Found by what they do, without rules; each figure is the mean of the group."
            answer={found}
            height={260}
            file="customer_groups"
            empty={(data) => (data.length === 0 ? <Empty title="Not trained yet">An administrator has the groups found with fit_clusters(); the nightly job renews them.</Empty> : null)}
            rowKey={(row: Group) => row.key}
            twin={(data): Twin<Group> => ({
                columns: [
                    { key: 'group', label: 'Group', value: (row) => groupName(row.name, row.cluster), show: (row) => groupName(row.name, row.cluster).replaceAll(' ', '\u00a0') },
                    { key: 'customers', label: 'Customers', numeric: true, value: (row) => row.size, show: (row) => count(row.size) },
                    { key: 'share', label: 'Share', numeric: true, minor: true, value: (row) => row.share, show: (row) => percent(row.share, 0) },
                    ...[...new Set(data.map((row) => row.feature))].map((feature) => ({
                        key: feature,
                        label: featureNames[feature] ?? sentence(feature),
                        numeric: true,
                        value: (row: Group) => row.means.get(feature),
                        show: (row: Group) => written(feature, row.means.get(feature)),
                    })),
                ],
                rows: groupsOf(data),
            })}
        />
    )
}
