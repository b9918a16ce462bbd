/** Replaces the control characters in a stranger's text, which a terminal would obey. Pure. */
export const plainText = (text: string): string => text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ");
