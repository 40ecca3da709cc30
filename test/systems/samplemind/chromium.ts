/** A browser: Debian's Chromium without a window, driven by its DevTools protocol. It ends when this process does. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { eventually } from "../../stack/command.ts";

const PROGRAM = process.env["BERTH_CHROMIUM"] ?? "chromium-headless-shell";
const INSTALL = "apt-get install --no-install-recommends chromium-headless-shell fonts-dejavu-core";

/** What the page's own scripts may call: elements as a user tells them apart. */
const IN_PAGE = `globalThis.sight = {
  visible: (element) => element.checkVisibility() && element.getClientRects().length > 0,
  name: (element) => {
    const labelled = element.getAttribute("aria-labelledby");
    return (labelled ? document.getElementById(labelled)?.textContent
      : element.getAttribute("aria-label") ?? element.labels?.[0]?.firstChild?.textContent ?? element.textContent).trim();
  },
  one: (selector, name) => {
    const found = [...document.querySelectorAll(selector)].filter(sight.visible)
      .filter((element) => name === undefined || sight.name(element) === name);
    if (found.length !== 1) throw new Error(found.length + " elements are " + selector + " named " + name);
    return found[0];
  },
};`;

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

export interface View {
  /** Pixels of CSS. */
  readonly width: number;
  readonly height: number;
  readonly dark?: boolean;
  /** Touch, and a phone's way to lay out. */
  readonly phone?: boolean;
}

export class Browser {
  readonly #process: ChildProcess;
  readonly #commands: Writable;
  readonly #home: string;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #session: string | undefined;
  #last = 0;
  /** What the page complained of: exceptions, errors on its console, violations of its policy. */
  readonly complaints: string[] = [];

  private constructor(process: ChildProcess, home: string) {
    this.#process = process;
    this.#home = home;
    const [, , , commands, answers] = process.stdio as unknown as [null, null, null, Writable, Readable];
    this.#commands = commands;
    // A browser that ended is told by the process.
    commands.on("error", () => undefined);
    let rest = "";
    answers.setEncoding("utf8").on("data", (data: string) => {
      const messages = (rest + data).split("\0");
      rest = messages.pop()!;
      for (const message of messages) this.#heard(JSON.parse(message) as Message);
    });
    const ended = (why: string): void => {
      for (const { reject } of this.#waiting.values()) reject(new Error(why));
      this.#waiting.clear();
    };
    process.once("error", () => ended(`there is no ${PROGRAM}: ${INSTALL}`));
    process.once("exit", (code) => ended(`${PROGRAM} ended with ${code}`));
  }

  /** @throws {Error} where there is no Chromium; the message has the command that installs it. */
  static async start(): Promise<Browser> {
    const home = mkdtempSync(join(tmpdir(), "chromium-"));
    // --no-sandbox: the tests run as root, and see pages of this checkout only.
    const child = spawn(
      PROGRAM,
      ["--no-sandbox", "--hide-scrollbars", "--mute-audio", "--remote-debugging-pipe", `--user-data-dir=${home}`],
      { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] },
    );
    const browser = new Browser(child, home);
    const { targetId } = await browser.send<{ targetId: string }>("Target.createTarget", { url: "about:blank" });
    const target = { targetId, flatten: true };
    const { sessionId } = await browser.send<{ sessionId: string }>("Target.attachToTarget", target);
    browser.#session = sessionId;
    for (const domain of ["Page", "Runtime", "Log", "DOM", "Network"]) await browser.send(`${domain}.enable`);
    await browser.send("Page.addScriptToEvaluateOnNewDocument", { source: IN_PAGE });
    // Where the system under test made its certificate itself.
    await browser.send("Security.setIgnoreCertificateErrors", { ignore: true });
    return browser;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once("exit", resolve));
    this.#commands.end();
    await ended;
    rmSync(this.#home, { recursive: true, force: true, maxRetries: 5 });
  }

  /** A command of the protocol, to the page once there is one. */
  send<T = unknown>(method: string, params: object = {}): Promise<T> {
    const id = ++this.#last;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    const session = this.#session ? { sessionId: this.#session } : {};
    this.#commands.write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    return answer.promise as Promise<T>;
  }

  #heard({ id, method, params, result, error }: Message): void {
    if (id !== undefined) {
      const answer = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error) answer?.reject(new Error(error.message));
      else answer?.resolve(result);
      return;
    }
    const said = params as {
      exceptionDetails?: { text: string; exception?: { description?: string } };
      entry?: { level: string; source: string; text: string };
      type?: string;
      args?: { value?: unknown; description?: string }[];
    };
    if (method === "Runtime.exceptionThrown")
      this.complaints.push(said.exceptionDetails!.exception?.description ?? said.exceptionDetails!.text);
    // That a request was answered with an error is the server's to decide, and the page's to show.
    if (method === "Log.entryAdded" && said.entry!.level === "error" && said.entry!.source !== "network")
      this.complaints.push(said.entry!.text);
    if (method === "Runtime.consoleAPICalled" && said.type === "error")
      this.complaints.push(said.args!.map(({ value, description }) => JSON.stringify(value ?? description)).join(" "));
  }

  async open(url: string): Promise<void> {
    const { errorText } = await this.send<{ errorText?: string }>("Page.navigate", { url });
    if (errorText !== undefined) throw new Error(`${url}: ${errorText}`);
    await this.until(`document.readyState === "complete"`);
  }

  async reload(): Promise<void> {
    await this.evaluate("globalThis.before = true");
    await this.send("Page.reload");
    // The page of before is there a moment longer.
    await this.until(`!globalThis.before && document.readyState === "complete"`);
  }

  /**
   * @param expression JavaScript, of which `sight` is a part; a promise is waited for.
   * @throws {Error} as it throws.
   */
  async evaluate<T>(expression: string): Promise<T> {
    const answer = await this.send<{
      result?: { value?: T };
      exceptionDetails?: { text: string; exception?: { description?: string } };
    }>("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true, userGesture: true });
    const thrown = answer.exceptionDetails;
    if (thrown) throw new Error(`${expression}: ${thrown.exception?.description ?? thrown.text}`);
    return answer.result!.value as T;
  }

  /** @throws {Error} naming the expression and what the page says, where it is not true in time. */
  async until(expression: string, seconds = 15): Promise<void> {
    await eventually(async () => {
      if (await this.evaluate(`Boolean(${expression})`)) return;
      throw new Error(`not so: ${expression}\n${await this.evaluate<string>("document.body.innerText")}`);
    }, seconds);
  }

  sees(text: string, seconds?: number): Promise<void> {
    return this.until(`document.body.innerText.includes(${JSON.stringify(text)})`, seconds);
  }

  /** Clicks on the one element there is, once it is there. @param name What a screen reader calls it. */
  async click(selector: string, name?: string): Promise<void> {
    const one = `sight.one(${JSON.stringify(selector)}, ${JSON.stringify(name)})`;
    const [x, y] = await eventually(
      () =>
        this.evaluate<[number, number]>(`(() => {
          const element = ${one};
          element.scrollIntoView({ block: "center", behavior: "instant" });
          const { left, top, width, height } = element.getBoundingClientRect();
          return [left + width / 2, top + height / 2];
        })()`),
      10,
    );
    for (const type of ["mousePressed", "mouseReleased"])
      await this.send("Input.dispatchMouseEvent", { type, x, y, button: "left", clickCount: 1 });
  }

  /** Types over what a field has. */
  async fill(selector: string, name: string, text: string): Promise<void> {
    const one = `sight.one(${JSON.stringify(selector)}, ${JSON.stringify(name)})`;
    await eventually(() => this.evaluate(`(() => { const field = ${one}; field.focus(); field.select(); })()`), 10);
    if (text === "") await this.press("Delete");
    else await this.type(text);
  }

  /** Types where the focus is. */
  async type(text: string): Promise<void> {
    await this.send("Input.insertText", { text });
  }

  async press(key: "Tab" | "Enter" | "Escape" | "Delete"): Promise<void> {
    const windowsVirtualKeyCode = { Tab: 9, Enter: 13, Escape: 27, Delete: 46 }[key];
    const text = key === "Enter" ? { text: "\r" } : {};
    for (const type of ["keyDown", "keyUp"])
      await this.send("Input.dispatchKeyEvent", { type, key, code: key, windowsVirtualKeyCode, ...text });
  }

  /** Chooses files of this machine in the one file field there is. */
  async choose(files: readonly string[]): Promise<void> {
    const { root } = await this.send<{ root: { nodeId: number } }>("DOM.getDocument");
    const field = { nodeId: root.nodeId, selector: "input[type=file]" };
    const { nodeId } = await this.send<{ nodeId: number }>("DOM.querySelector", field);
    await this.send("DOM.setFileInputFiles", { files, nodeId });
  }

  /** @param bytes A second, that the page can send; undefined: as many as there is room for. */
  async throttle(bytes?: number): Promise<void> {
    const limits = { latency: 0, downloadThroughput: -1, uploadThroughput: bytes ?? -1 };
    await this.send("Network.emulateNetworkConditions", { offline: false, ...limits });
  }

  async look({ width, height, dark = false, phone = false }: View): Promise<void> {
    await this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: phone });
    await this.send("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }],
    });
  }

  /** @param path Where the picture goes, PNG. */
  async shot(path: string): Promise<void> {
    const { data } = await this.send<{ data: string }>("Page.captureScreenshot", { format: "png" });
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, Buffer.from(data, "base64"));
  }
}
