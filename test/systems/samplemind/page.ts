/**
 * The page in a browser, against a stand-in of the backend: for the development of the page alone. It is in no suite.
 * npm run build in services/samplemind-frontend, then:
 * node node_modules/mocha/bin/mocha.js test/systems/samplemind/page.ts
 * With BERTH_SHOTS=docs/systems it draws the pictures of the documentation, too.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, ROOT } from "../../stack/command.ts";
import { browserTests, hotReloadTest } from "./browser.ts";
import { Browser } from "./chromium.ts";
import { wav } from "./sound.ts";
import { StandIn, USER } from "./stand-in.ts";

const FRONTEND = join(ROOT, "services/samplemind-frontend");
const VITE = 3999;

describe("the page of SampleMind, against a stand-in", function () {
  this.timeout(120_000);
  const standIn = new StandIn();
  let url: string;
  before(async () => {
    url = await standIn.start();
  });
  after(() => standIn.stop());

  describe("as it is built", () => browserTests(() => ({ url, ...USER })));

  describe("in dev", () => {
    let vite: ChildProcess;
    before(async () => {
      const program = [
        join(FRONTEND, "node_modules/vite/bin/vite.js"),
        "--configLoader",
        "runner",
        "--port",
        `${VITE}`,
      ];
      vite = spawn(process.execPath, program, {
        cwd: FRONTEND,
        env: { ...process.env, API_URL: url },
        stdio: "ignore",
      });
      await eventually(() => fetch(`http://127.0.0.1:${VITE}/`));
    });
    after(() => vite.kill());
    hotReloadTest(
      () => ({ url: `http://127.0.0.1:${VITE}` }),
      () => ROOT,
    );
  });

  const shots = process.env["BERTH_SHOTS"];
  if (shots !== undefined) it("is drawn", () => draw(standIn, url, shots));
});

async function draw(standIn: StandIn, url: string, folder: string): Promise<void> {
  const path = (name: string): string => join(ROOT, folder, `samplemind-${name}.png`);
  standIn.pace = 0;
  const names = ["vinyl crackle", "kick 909", "tambourine", "pad, evening", "bass loop", "rain on tin", "piano phrase"];
  for (const [index, name] of names.entries())
    standIn.add(`${name}.wav`, wav({ seconds: 2 + index, hertz: [110 * (index + 1), 165], tempo: 70 + 15 * index }));
  standIn.add("field recording, harbour.wav", wav({ seconds: 1, hertz: [200], tempo: 60 }), "failed");
  standIn.add("choir.wav", wav({ seconds: 1, hertz: [300], tempo: 60 }), "analysing");
  const files = mkdtempSync(join(tmpdir(), "samples-"));
  const file = (name: string): string => join(files, name);
  writeFileSync(file("slow pad.wav"), wav({ seconds: 60, hertz: [147, 185, 220], tempo: 60 }));
  writeFileSync(file("notes.mp3"), "no audio");
  const browser = await Browser.start();
  const shot = async (name: string): Promise<void> => {
    // What is still loading would be missing.
    await browser.evaluate("new Promise((resolve) => setTimeout(resolve, 500))");
    await browser.shot(path(name));
    const { size } = statSync(path(name));
    if (size >= 150_000) throw new Error(`${path(name)} has ${size} bytes`);
  };
  const desktop = { width: 1280, height: 860 };
  const phone = { width: 390, height: 844, phone: true };
  try {
    await browser.look(desktop);
    await browser.open(url);
    await browser.sees("E-mail address");
    await browser.type(USER.email);
    await browser.press("Tab");
    await browser.type(USER.password);
    await browser.press("Enter");
    await browser.sees("piano phrase.wav");
    await browser.throttle(400_000);
    await browser.choose([file("slow pad.wav"), file("notes.mp3")]);
    await browser.until(`document.querySelector("progress")?.value > 0`);
    await browser.sees("This is no WAV");
    await shot("library");
    await browser.throttle();
    await browser.until(`sight.one("article", "slow pad.wav").innerText.includes("Ready")`, 60);
    await browser.look({ ...desktop, dark: true });
    await shot("library-dark");
    await browser.click("button", "Similar to piano phrase.wav");
    await browser.sees("Distance");
    await shot("similar-dark");
    await browser.press("Escape");
    await browser.look(phone);
    await browser.evaluate("scrollTo(0, 0)");
    await shot("phone");
    await browser.evaluate(`sight.one("article", "piano phrase.wav").scrollIntoView()`);
    await shot("phone-samples");
  } finally {
    await browser.stop();
    rmSync(files, { recursive: true });
  }
}
