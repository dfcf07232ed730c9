// CSV as RFC 4180 has it. Text that a spreadsheet would take for a formula gets a quote in front.

export type Cell = string | number | boolean | null | undefined

function written(cell: Cell): string {
    if (cell === null || cell === undefined) return ''
    let text = String(cell)
    if (typeof cell === 'string' && /^[=+\-@\t\r]/.test(text)) text = `'${text}`
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

export function csv(names: string[], rows: Cell[][]): string {
    return [names, ...rows].map((row) => row.map(written).join(',')).join('\r\n') + '\r\n'
}

export function download(fileName: string, text: string): void {
    const link = document.createElement('a')
    link.href = URL.createObjectURL(new Blob([text], { type: 'text/csv;charset=utf-8' }))
    link.download = fileName
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 1000)
}
