/**
 * Parts of a suite that share one stack, in the order in which they are
 * written. `bin/test <chapter>` runs some of them.
 */
export function chapters(all: Readonly<Record<string, () => void>>): void {
  const wanted = (process.env["BERTH_TEST_CHAPTERS"] ?? "").split(",").filter(Boolean);
  for (const [name, chapter] of Object.entries(all))
    if (wanted.length === 0 || wanted.includes(name))
      describe(name, () => {
        let began = 0;
        before(() => void (began = performance.now()));
        chapter();
        after(() => console.log(`      ${name}: ${((performance.now() - began) / 1000).toFixed(0)} s`));
      });
}
