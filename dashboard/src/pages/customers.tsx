import { Empty } from '../components/states'

export function CustomersPage(_: { customer: string | null }) {
    return <Empty title="Not there yet" />
}
