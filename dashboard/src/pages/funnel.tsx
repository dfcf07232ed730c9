import { Empty } from '../components/states'

export function FunnelPage() {
    return <Empty title="Not there yet" />
}
