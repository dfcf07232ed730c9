// A button that opens a small panel: Escape and a click elsewhere close it, and the focus goes back.

import { type ReactNode, useEffect, useId, useLayoutEffect, useRef, useState } from 'react'

interface PopoverProps {
    /** What the button says; label is read instead where it is not enough. */
    button: ReactNode
    label?: string
    title: string
    className?: string
    children: (close: () => void) => ReactNode
}

export function Popover({ button, label, title, className, children }: PopoverProps) {
    const [open, setOpen] = useState(false)
    const whole = useRef<HTMLDivElement>(null)
    const opener = useRef<HTMLButtonElement>(null)
    const panel = useRef<HTMLDivElement>(null)
    const id = useId()

    useEffect(() => {
        if (!open) return
        const inside = (what: string) => panel.current?.querySelector<HTMLElement>(what)
        ;(inside('[aria-current="true"]') ?? inside('input:checked') ?? inside('input, select, button'))?.focus()
        const outside = (event: Event) => {
            if (!whole.current?.contains(event.target as Node)) setOpen(false)
        }
        document.addEventListener('pointerdown', outside)
        document.addEventListener('focusin', outside)
        return () => {
            document.removeEventListener('pointerdown', outside)
            document.removeEventListener('focusin', outside)
        }
    }, [open])

    // As far to the left as it must be to stand on the screen.
    useLayoutEffect(() => {
        const node = panel.current
        if (!node) return
        const over = node.getBoundingClientRect().right - document.documentElement.clientWidth + 12
        if (over > 0) node.style.translate = `${-over}px`
    }, [open])

    const close = () => {
        setOpen(false)
        opener.current?.focus()
    }
    return (
        <div
            className={`popover ${className ?? ''}`}
            ref={whole}
            onKeyDown={(event) => {
                if (event.key !== 'Escape' || !open) return
                event.stopPropagation()
                close()
            }}
        >
            <button type="button" className="control" ref={opener} aria-expanded={open} aria-controls={open ? id : undefined} aria-label={label} onClick={() => setOpen(!open)}>
                {button}
            </button>
            {open && (
                <div className="popover-panel" id={id} ref={panel} role="dialog" aria-label={title}>
                    {children(close)}
                </div>
            )}
        </div>
    )
}
