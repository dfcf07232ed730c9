import { Empty } from '../components/states'

export function ProductsPage() {
    return <Empty title="Not there yet" />
}
