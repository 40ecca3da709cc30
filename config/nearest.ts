/** What somebody may have meant who wrote a name that is not there. */

/** Fewest mistakes between two texts: a character too much, one too few, another one, or two in turn. */
function distance(from: string, to: string): number {
  const rows = [Array.from({ length: to.length + 1 }, (_, column) => column)];
  for (let line = 1; line <= from.length; line += 1) {
    const above = rows[line - 1]!;
    const row = [line];
    for (let column = 1; column <= to.length; column += 1) {
      const same = from[line - 1] === to[column - 1];
      const turned = from[line - 1] === to[column - 2] && from[line - 2] === to[column - 1];
      row.push(
        Math.min(
          row[column - 1]! + 1,
          above[column]! + 1,
          above[column - 1]! + (same ? 0 : 1),
          turned ? rows[line - 2]![column - 2]! + 1 : Infinity,
        ),
      );
    }
    rows.push(row);
  }
  return rows.at(-1)!.at(-1)!;
}

/**
 * The name with fewest mistakes; undefined where none is so near.
 * @param most Mistakes. @default one in three characters
 */
export function nearest(
  name: string,
  known: readonly string[],
  most = Math.floor((name.length + 1) / 3),
): string | undefined {
  const far = most + 1;
  let found: { readonly name: string; readonly at: number } | undefined;
  for (const other of known) {
    const at = distance(name.toLowerCase(), other.toLowerCase());
    if (at < (found?.at ?? far)) found = { name: other, at };
  }
  return found?.name;
}

/** What a message ends with: the name that may have been meant, or nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined ? "" : `; did you mean ${near}?`;
}
