/** What somebody may have meant who wrote a name that is not there. */

/** Fewest characters to add, to leave out or to change on the way from one text to another. */
function distance(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (const [line, character] of [...from].entries()) {
    const row = [line + 1];
    for (let column = 1; column <= to.length; column += 1) {
      const changed = above[column - 1]! + (character === to[column - 1] ? 0 : 1);
      row.push(Math.min(row[column - 1]! + 1, above[column]! + 1, changed));
    }
    above = row;
  }
  return above.at(-1)!;
}

/** The name that differs in no more than one character of three; undefined where none is so near. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const far = Math.floor((name.length + 1) / 3) + 1;
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
