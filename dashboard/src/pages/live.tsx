import { Empty } from '../components/states'

export function LivePage() {
    return <Empty title="Not there yet" />
}
