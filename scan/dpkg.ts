/** Order of Debian's versions, as deb-version(7) has it. */

/** @returns less than, equal to or greater than 0. */
export function compareDebian(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)];
  return (
    left.epoch - right.epoch || comparePart(left.upstream, right.upstream) || comparePart(left.revision, right.revision)
  );
}

function parts(version: string): { epoch: number; upstream: string; revision: string } {
  const [, epoch = "0", rest] = /^(?:(\d+):)?(.*)$/s.exec(version.trim())!;
  const dash = rest!.lastIndexOf("-");
  // No revision is the same as 0.
  return {
    epoch: Number(epoch),
    upstream: dash < 0 ? rest! : rest!.slice(0, dash),
    revision: dash < 0 ? "" : rest!.slice(dash + 1),
  };
}

/** Text and number by turns: text by the order below, numbers by size. */
function comparePart(a: string, b: string): number {
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a[i])) || (j < b.length && !isDigit(b[j]))) {
      const difference = rank(a[i]) - rank(b[j]);
      if (difference) return difference;
      i++;
      j++;
    }
    const [left, right] = [number(a, i), number(b, j)];
    i += left.length;
    j += right.length;
    // Longer than a number can be exact: a date with a commit's digits, for one.
    const difference = BigInt(left || "0") - BigInt(right || "0");
    if (difference) return difference > 0n ? 1 : -1;
  }
  return 0;
}

const isDigit = (character: string | undefined): boolean =>
  character !== undefined && character >= "0" && character <= "9";
const number = (text: string, from: number): string => /^\d*/.exec(text.slice(from))![0];

/** `~` before the end, the end (or a number) before letters, letters before all else. */
function rank(character: string | undefined): number {
  if (character === "~") return -1;
  if (character === undefined || isDigit(character)) return 0;
  return /[A-Za-z]/.test(character) ? character.charCodeAt(0) : character.charCodeAt(0) + 256;
}
