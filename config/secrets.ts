import type { z } from "zod";

/** What the text of a secret may be. */
export type SecretForm = keyof typeof FORMS;

/** A secret that the stack file may hold, as a top-level leaf set with `--secret`. */
export interface SecretLeaf {
  readonly description: string;
  readonly example: string;
  /** Length of the password made when the stack file has none. Absent: the feature is off without it. */
  readonly generated?: number;
  /** Shortest value accepted. */
  readonly minLength: number;
  /** @default line */
  readonly form?: SecretForm;
  /** What it is, where it is a JSON object. */
  readonly json?: z.ZodType;
  /**
   * Secret that holds its former value, where the stack file has both: what was made with it must still be accepted.
   * @default the former value is of no use
   */
  readonly former?: string;
  /** Secrets that it makes no sense without. @default none */
  readonly needs?: readonly string[];
  /** Whoever has it calls `berth:publicUrl`, and signs that address with it. @default false */
  readonly signsUrl?: true;
  /**
   * It is needed when the stack, or what reads it, is gone: what it opened is still there. It stays in the state at
   * `bin/down`, and so does every one before. @default false
   */
  readonly outlives?: true;
}

/** Name of a secret: its key in the stack file, without `berth:`. */
export type SecretKey = string;
export type SecretLeaves = Readonly<Record<SecretKey, SecretLeaf>>;

/** Names of the secrets that are made where the stack file has none. */
export const generatedIn = (secrets: SecretLeaves): SecretKey[] =>
  Object.keys(secrets).filter((key) => secrets[key]!.generated !== undefined);

interface Form {
  readonly allowed: string;
  /** What is wrong with a text, in words that say nothing of it. */
  readonly wrong: (text: string) => string | undefined;
}

/** Whoever reads a file with a secret takes spaces off its ends; a second line would be a second value. */
function lineFault(text: string): string | undefined {
  if (/[\r\n\p{Zl}\p{Zp}]/u.test(text)) return "more than one line";
  if (/[\p{Cc}\p{Cs}]/u.test(text)) return "a control character";
  return /^\s|\s$/.test(text) ? "a space at one of its ends" : undefined;
}
const asciiFault = (text: string): string | undefined =>
  lineFault(text) ?? (/[^ -~]/.test(text) ? "a character outside ASCII" : undefined);

/** OpenSSL passes over what does not begin a line: the first certificate of a file with a byte order mark. */
function pemFault(text: string): string | undefined {
  if (!/-----BEGIN [A-Z0-9 ]+-----[^]+-----END [A-Z0-9 ]+-----/.test(text)) return "no PEM";
  if (text.startsWith("\uFEFF")) return "a byte order mark before -----BEGIN";
  if (/-----(?:BEGIN|END) [^\n]*\\n/.test(text)) return "a backslash and an n where a line ends";
  return /[^\n]-----BEGIN /.test(text) ? "a -----BEGIN that does not begin a line" : undefined;
}

const LINE = "one line of printable text, without a space at its ends";
const FORMS = {
  line: { allowed: LINE, wrong: lineFault },
  /** It goes into a header of HTTP. */
  ascii: { allowed: `${LINE}, all of it ASCII`, wrong: asciiFault },
  /** Values, one a line. */
  lines: {
    allowed: `${LINE}; or several, one a line`,
    wrong: (text) =>
      text
        .split("\n")
        .map(lineFault)
        .find((fault) => fault !== undefined),
  },
  url: {
    allowed: "an http or https URL",
    // What browsers make of https:/host and https:host, no other program does.
    wrong: (text) =>
      asciiFault(text) ?? (/^https?:\/\/[^/?#\\]/i.test(text) && URL.canParse(text) ? undefined : "no URL"),
  },
  pem: { allowed: "PEM, from -----BEGIN to -----END, each at the beginning of a line", wrong: pemFault },
} satisfies Readonly<Record<string, Form>>;

/** An edge takes headers of 8 KiB, a broker or a provider less. */
const LONGEST = 1024;

/** What people write until they think of something better. */
const PLACEHOLDER =
  /change[-_ ]?(me|it|this)|placeholder|example|your[-_ ]|p[a@]ssw[o0]rd\d*$|secret\d*$|qwert|12345|a long random text/i;

/** What keeps others out, and is not made here, has to be hard to guess where users are. */
export function weakness(text: string, { generated, form }: SecretLeaf): Fault | undefined {
  if (generated === undefined || form === "lines") return undefined;
  const got = PLACEHOLDER.test(text)
    ? "a placeholder"
    : new Set(text).size < 8
      ? "fewer than 8 different characters"
      : undefined;
  return got === undefined ? undefined : { got: `${got}, in prod`, allowed: "a long random text; unset, one is made" };
}

/** What is wrong with a secret, and what would be accepted: neither says anything of the value. */
export interface Fault {
  readonly got: string;
  readonly allowed: string;
}

export function faultOf(
  text: string,
  { minLength, description, example, form = "line", json }: SecretLeaf,
): Fault | undefined {
  const { length } = text;
  if (length < minLength)
    return { got: `${length} characters`, allowed: `at least ${minLength} characters. ${description}` };
  if (["line", "ascii", "url"].includes(form) && json === undefined && length > LONGEST)
    return { got: `${length} characters`, allowed: `at most ${LONGEST} characters: headers end somewhere` };
  if (json !== undefined)
    return json.safeParse(objectIn(text)).success
      ? undefined
      : { got: "not the JSON object that is needed", allowed: `a JSON object, such as ${example}` };
  const got = FORMS[form].wrong(text);
  return got === undefined ? undefined : { got, allowed: FORMS[form].allowed };
}

function objectIn(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
