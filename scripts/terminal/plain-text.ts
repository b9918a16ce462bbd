/** Words from outside, without what a terminal would take for commands: for a person to read. Pure. */
export const plainText = (text: string): string => text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, " ");
