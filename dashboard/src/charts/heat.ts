// Shades of one hue, in steps that can be told apart and that text can be read on.

export const heatSteps = 6

/** 0 for nothing, else 1 to 6 as value goes from nothing to most. */
export function heatStep(value: number | null | undefined, most: number): number {
    if (!value || value <= 0 || most <= 0) return 0
    return Math.min(heatSteps, 1 + Math.floor((value / most) * heatSteps))
}
