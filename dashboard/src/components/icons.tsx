// Line icons on a grid of 16, in the colour of the text beside them.

import type { ReactNode } from 'react'

const shapes = {
    overview: <path d="M2 13.5h12M4 11V8m4 3V3m4 8V6" />,
    customers: <path d="M6 7.5a2.5 2.5 0 100-5 2.5 2.5 0 000 5zM1.5 13.5c.3-2.6 2-4 4.500-4s4.200 1.400 4.500 4M11 3.200a2.300 2.300 0 010 4.100M12.500 9.800c1.200.600 1.900 1.900 2 3.700" />,
    products: <path d="M2.500 5L8 2l5.500 3v6L8 14l-5.500-3zM2.500 5L8 8l5.500-3M8 8v6" />,
    funnel: <path d="M2 3h12l-4.500 5.500V13l-3 1V8.500z" />,
    live: <path d="M1.500 8.500h3l2-5 3 9 2-4h3" />,
    health: <path d="M8 13.500S2 10 2 6a3 3 0 016-.800A3 3 0 0114 6c0 4-6 7.500-6 7.500z" />,
    table: <path d="M2 3h12v10H2zM2 6.500h12M2 9.750h12M6.500 6.500V13" />,
    chart: <path d="M2 2v12h12M4.500 10.500l3-3.500 2.500 2 3.500-5" />,
    download: <path d="M8 2v8m-3-3l3 3 3-3M2.500 13.500h11" />,
    close: <path d="M4 4l8 8m0-8l-8 8" />,
    down: <path d="M4 6l4 4 4-4" />,
    filter: <path d="M2 4h12M4.500 8h7M7 12h2" />,
    calendar: <path d="M2 4h12v10H2zM2 7h12M5 2v3m6-3v3" />,
    theme: <path d="M8 2a6 6 0 100 12A6 6 0 008 2zm0 0v12" />,
    leave: <path d="M9.500 4V2.500h-7v11h7V12M6 8h8m-2.500-2.500L14 8l-2.500 2.500" />,
    money: <path d="M8 2a6 6 0 100 12A6 6 0 008 2zM10 6c-.3-.700-1-1-2-1-1.200 0-2 .500-2 1.500S7 7.800 8 8s2 .500 2 1.500S9.200 11 8 11c-1 0-1.800-.400-2-1.200M8 4v8" />,
    search: <path d="M7 2.500a4.500 4.500 0 100 9 4.500 4.500 0 000-9zM10.300 10.300l3.200 3.200" />,
    warning: <path d="M8 2L1.500 13.500h13zM8 6.500V10m0 1.500v.5" />,
    pause: <path d="M5.500 3v10M10.500 3v10" />,
    play: <path d="M5 3l7.500 5L5 13z" />,
    check: <path d="M3 8.500l3.500 3.500L13 4.500" />,
    lock: <path d="M3.500 7.500h9V14h-9zM5.500 7.500V5a2.500 2.500 0 015 0v2.500" />,
    back: <path d="M9.500 3.500L5 8l4.500 4.500" />,
} satisfies Record<string, ReactNode>

export type IconName = keyof typeof shapes

export function Icon({ name }: { name: IconName }) {
    return (
        <svg className="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
            {shapes[name]}
        </svg>
    )
}
