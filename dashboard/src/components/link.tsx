// A link within the app: an address as any other, without loading the page anew.

import type { AnchorHTMLAttributes } from 'react'
import { navigate } from '../state/location'

export function Link({ href, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
    return (
        <a
            href={href}
            {...rest}
            onClick={(event) => {
                if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
                event.preventDefault()
                navigate(href)
                if (!href.startsWith(`${location.pathname}?`)) scrollTo(0, 0)
            }}
        />
    )
}
