// What things are called where codes stand in the data.

import { locales } from './numbers'

export const notSent = '(none)'

export function country(code: string | null): string {
    if (code === null || !/^[A-Z]{2}$/.test(code)) return named(code)
    return new Intl.DisplayNames(locales(), { type: 'region', fallback: 'code' }).of(code) ?? code
}

export function named(key: string | null): string {
    if (key === null || key === '' || key === notSent) return 'Not set'
    return key === '(other)' ? 'Other' : key
}

/** champions, needs_attention: Champions, Needs attention. */
export function sentence(word: string): string {
    const text = word.replaceAll('_', ' ')
    return text.charAt(0).toUpperCase() + text.slice(1)
}

export function keyName(dimension: string, key: string | null): string {
    return dimension === 'country' ? country(key) : named(key)
}
