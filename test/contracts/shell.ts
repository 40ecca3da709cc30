/** Which programs a script of sh or bash starts, as far as its text says: they must be in the image it runs in. */

const BUILTINS = new Set(
  `. : [ break cd command continue declare echo eval exit export false hash kill local mapfile printf pwd read readonly
   return set shift shopt source test times trap true type ulimit umask unset wait`.split(/\s+/),
);
/** They are followed by a command. */
const BEFORE_COMMANDS = new Set(["!", "{", "}", "do", "elif", "else", "exec", "if", "then", "time", "until", "while"]);
/** What starts another command, and how many of its arguments come first. */
const STARTERS: Readonly<Record<string, number>> = { timeout: 1, xargs: 0, nohup: 0, env: 0 };
const NAME = /^[A-Za-z_]\w*$/;

/** A word, with what it says of commands. */
interface Word {
  readonly text: string;
  /** Whether it is written out: neither a variable nor another command's output. */
  readonly literal: boolean;
}

class Script {
  readonly found = new Set<string>();
  readonly #own = new Set<string>();
  readonly #text: string;
  #at = 0;
  /** Ends of here-documents that begin on the next line. */
  #heredocs: string[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  read(): ReadonlySet<string> {
    this.#commands("");
    return new Set([...this.found].filter((name) => !this.#own.has(name)));
  }

  /** @param end Character that ends them. */
  #commands(end: string): void {
    const cases: ("subject" | "pattern" | "body")[] = [];
    let command = true;
    let skip = 0;
    let target = false;
    for (;;) {
      const char = this.#text[this.#at];
      if (char === undefined) return;
      const inPattern = cases.at(-1) === "pattern";
      if (char === ")" && inPattern) {
        cases[cases.length - 1] = "body";
        [command, this.#at] = [true, this.#at + 1];
      } else if (char === end && end !== "") {
        this.#at++;
        return;
      } else if (/[ \t]/.test(char)) this.#at++;
      else if (this.#text.startsWith("\\\n", this.#at)) this.#at += 2;
      else if (char === "#") this.#at = this.#lineEnd();
      else if (char === "\n") {
        this.#at++;
        this.#skipHeredocs();
        command = true;
      } else if (this.#text.startsWith(";;", this.#at)) {
        cases[cases.length - 1] = "pattern";
        this.#at += 2;
      } else if (this.#text.startsWith("((", this.#at)) this.#balanced("((", "))");
      else if (/[;&|()]/.test(char)) [command, this.#at] = [true, this.#at + 1];
      else if (/[<>]/.test(char) || /^\d[<>]/.test(this.#text.slice(this.#at, this.#at + 2))) target = this.#redirect();
      else {
        const word = this.#word();
        // Behind a builtin that declares it, too.
        if (/^\w+\+?=/.test(word.text)) this.#array();
        if (target) target = false;
        else if (cases.at(-1) === "subject") {
          if (word.text === "in") cases[cases.length - 1] = "pattern";
        } else if (inPattern) {
          if (word.text === "esac") cases.pop();
        } else if (skip > 0) {
          if (!word.text.startsWith("-")) skip--;
          command = skip === 0;
        } else if (command) {
          if (/^\w+\+?=/.test(word.text)) continue;
          if (word.text === "case") cases.push("subject");
          else if (word.text === "esac") cases.pop();
          else if (word.text === "[[") this.#test();
          else if (this.#defines(word)) command = true;
          else if (!BEFORE_COMMANDS.has(word.text) && !(word.text.startsWith("-") && word.literal)) {
            const starts = STARTERS[word.text];
            if (word.literal && !BUILTINS.has(word.text) && !["for", "done", "fi"].includes(word.text))
              this.found.add(word.text);
            skip = starts ?? 0;
            command = starts === 0;
          }
        }
      }
    }
  }

  #lineEnd(): number {
    const end = this.#text.indexOf("\n", this.#at);
    return end < 0 ? this.#text.length : end;
  }

  #defines({ text }: Word): boolean {
    if (!NAME.test(text) || !this.#text.startsWith("()", this.#at)) return false;
    this.#own.add(text);
    this.#at += 2;
    return true;
  }

  /** Values of an array, which are no commands; what they are made by may be. */
  #array(): void {
    if (this.#text[this.#at] !== "(") return;
    this.#at++;
    while (this.#text[this.#at] !== ")") {
      if (/\s/.test(this.#text[this.#at]!)) this.#at++;
      else this.#word();
    }
    this.#at++;
  }

  #test(): void {
    for (;;) {
      while (/[\s&|()<>]/.test(this.#text[this.#at]!)) this.#at++;
      if (this.#word().text === "]]") return;
    }
  }

  /** @returns whether the next word is where it goes. */
  #redirect(): boolean {
    const [, operator] = /^(\d?(?:<<<|<<-?|>>|[<>]&?))/.exec(this.#text.slice(this.#at, this.#at + 5))!;
    this.#at += operator!.length;
    if (/^[<>]$/.test(operator!) && this.#text[this.#at] === "(") {
      this.#at++;
      this.#commands(")");
      return false;
    }
    if (!/^<<-?$/.test(operator!)) return true;
    while (this.#text[this.#at] === " ") this.#at++;
    this.#heredocs.push(this.#word().text);
    return false;
  }

  #skipHeredocs(): void {
    for (const end of this.#heredocs) {
      const found = new RegExp(`^\\s*${end}$`, "m").exec(this.#text.slice(this.#at));
      this.#at += found ? found.index + found[0].length : 0;
    }
    this.#heredocs = [];
  }

  #word(): Word {
    let [text, literal] = ["", true];
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at]!;
      if (/[\s;&|()<>]/.test(char)) break;
      if (char === "'") text += this.#quoted();
      else if (char === '"') {
        this.#at++;
        while (this.#text[this.#at] !== '"' && this.#at < this.#text.length) {
          if (this.#text[this.#at] === "$") literal = this.#expansion() && literal;
          else text += this.#character();
        }
        this.#at++;
      } else if (char === "$") literal = this.#expansion() && literal;
      else text += this.#character();
    }
    return { text, literal };
  }

  #quoted(): string {
    const end = this.#text.indexOf("'", this.#at + 1);
    const text = this.#text.slice(this.#at + 1, end);
    this.#at = end + 1;
    return text;
  }

  #character(): string {
    if (this.#text[this.#at] === "\\") this.#at++;
    return this.#text[this.#at++] ?? "";
  }

  /** @returns false: what it stands for is not known. */
  #expansion(): boolean {
    if (this.#text.startsWith("$((", this.#at)) this.#balanced("$((", "))");
    else if (this.#text.startsWith("$(", this.#at)) {
      this.#at += 2;
      this.#commands(")");
    } else if (this.#text.startsWith("${", this.#at)) this.#balanced("${", "}");
    else this.#at++;
    return false;
  }

  /** Past what ends where its brackets do; commands within it are read. */
  #balanced(open: string, close: string): void {
    this.#at += open.length;
    while (this.#at < this.#text.length && !this.#text.startsWith(close, this.#at)) {
      if (this.#text[this.#at] === "$" && /[({]/.test(this.#text[this.#at + 1] ?? "")) this.#expansion();
      else if (open === "((" && this.#text[this.#at] === "(") this.#balanced("(", ")");
      else this.#character();
    }
    this.#at += close.length;
  }
}

export const programsIn = (script: string): ReadonlySet<string> => new Script(script).read();

/** Programs that words start, as `docker exec` takes them: a shell's line counts as what it says. */
export function programsOf([program, ...rest]: readonly string[]): ReadonlySet<string> {
  if (program === undefined) return new Set();
  const line = /^(?:.*\/)?(?:ba)?sh$/.test(program) && rest[0] === "-c" ? rest[1] : undefined;
  return new Set([program, ...(line === undefined ? [] : programsIn(line))]);
}
