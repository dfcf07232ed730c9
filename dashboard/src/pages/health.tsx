import { Empty } from '../components/states'

export function HealthPage() {
    return <Empty title="Not there yet" />
}
