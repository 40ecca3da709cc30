/** What comes after an update that succeeded: keeps the release, and says what is next. node bin/after-up.ts <stack> */
import { Releases } from "./release.ts";
import { main, planOf } from "./stack.ts";
import { summary } from "./summary.ts";

await main(async (stack) => {
  await new Releases(stack).keep().catch((error: Error) => {
    console.error(`error: ${error.message}\nwarning: this release was not kept, bin/rollback will not find it`);
  });
  console.log(summary(planOf(stack)));
});
