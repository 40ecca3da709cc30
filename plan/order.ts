/**
 * Order of texts by their characters' numbers, as `sort()` has it: the same on every machine. `localeCompare` goes by
 * the language of whoever runs the program (in Czech, ch comes after h), and would make another plan of it.
 */
export const inOrder = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);
