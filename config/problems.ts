/** One thing that is wrong with what the user gave, and how to mend it. */
export interface Problem {
  /** The configuration key, such as `berth:ports.edge`. */
  readonly key: string;
  /** What was found; never a secret's value. */
  readonly got: string;
  /** What would be accepted. */
  readonly allowed: string;
  /** A command that mends it. */
  readonly fix: string;
}

/** Every problem found, thrown once, before anything is touched. */
export class ProblemsError extends Error {
  readonly problems: readonly Problem[];
  constructor(stack: string, problems: readonly Problem[]) {
    super(formatProblems(stack, problems));
    this.problems = problems;
  }
}

/** What a person can mend, in words, where it is no key of the configuration. */
export class Refusal extends Error {}

const inConfiguration = (stack: string, { length }: readonly Problem[]): string =>
  `${length === 1 ? "1 problem" : `${length} problems`} in the configuration of stack "${stack}". Nothing was touched.`;

/** The report a person reads. @param heading What cannot be done. @default that the configuration has problems */
export function formatProblems(
  stack: string,
  problems: readonly Problem[],
  heading: string = inConfiguration(stack, problems),
): string {
  const lines = problems.flatMap(({ key, got, allowed, fix }) => [
    "",
    `  ${key}: ${got}`,
    `    allowed: ${allowed}`,
    `    fix:     ${fix}`,
  ]);
  return [heading, ...lines, ""].join("\n");
}

/** The command that sets a key, with `--path` where the key is inside an object. */
export function setCommand(key: string, value: unknown, stack: string): string {
  const inside = /[.[]/.test(key);
  const text =
    typeof value === "object" || (typeof value === "string" && /[^\w.:/-]/.test(value))
      ? `'${typeof value === "string" ? value : JSON.stringify(value)}'`
      : `${value as string | number | boolean}`;
  return `pulumi config set ${inside ? "--path " : ""}${key.includes("[") ? `'${key}'` : key} ${text} --stack ${stack}`;
}
