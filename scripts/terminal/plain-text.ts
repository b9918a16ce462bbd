/** Replaces the control characters in a stranger's text, because a terminal obeys them. Pure. */
export const plainText = (text: string): string => text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ");
