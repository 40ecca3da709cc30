/** SampleMind as somebody sees it who opens its page (SM-05, SM-66). Where it runs is the caller's to say. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Browser } from "./chromium.ts";
import { wav } from "./sound.ts";

export interface Site {
  readonly url: string;
  readonly email: string;
  readonly password: string;
}

/** Seconds that an analysis may take, with those that wait before it. */
const ANALYSIS = 90;

/** The card of a sample. */
const card = (name: string): string => `sight.one("article", ${JSON.stringify(name)})`;
const state = (name: string): string => `${card(name)}.querySelector(".state").textContent`;
/** Names of the samples that the list shows. */
const LISTED = `[...document.querySelectorAll("article h3")].map((name) => name.textContent)`;

/**
 * Registers the tests; they leave no sample behind.
 * @param site Asked when they run.
 */
export function browserTests(site: () => Site): void {
  const mark = randomUUID().slice(0, 8);
  const [low, high, long] = [`${mark} low.wav`, `${mark} höher & heller.wav`, `${mark} long.wav`] as const;
  const text = `${mark} notes.mp3`;
  let browser: Browser;
  let folder: string;
  const file = (name: string): string => join(folder, name);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "samples-"));
    // Less than four seconds have no tempo. The two sound like each other, more than like what others have left here.
    writeFileSync(file(low), wav({ seconds: 6, hertz: [110, 131, 165], tempo: 120 }));
    writeFileSync(file(high), wav({ seconds: 6, hertz: [111, 132, 166], tempo: 121 }));
    writeFileSync(file(long), wav({ seconds: 60, hertz: [220], tempo: 100 }));
    writeFileSync(file(text), "These are words, whatever the name says.");
    writeFileSync(file(`${mark} empty.wav`), "");
    browser = await Browser.start();
    await browser.look({ width: 1280, height: 860 });
  });
  after(async () => {
    await browser?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("a wrong password is told so", async () => {
    await browser.open(site().url);
    await browser.fill("input", "E-mail address", site().email);
    await browser.fill("input", "Password", `not ${site().password}`);
    await browser.click("button", "Log in");
    await browser.sees("E-mail address or password is wrong.");
  });

  it("log-in, by the keyboard alone", async () => {
    await browser.open(site().url);
    await browser.until(`document.activeElement?.name === "email"`);
    await browser.type(site().email);
    await browser.press("Tab");
    await browser.type(site().password);
    await browser.press("Enter");
    await browser.until(`sight.one("h2", "Library")`);
    assert.equal(await browser.evaluate("document.cookie"), "", "scripts can read the session");
  });

  it("an upload shows its progress, then the analysis, then what was found", async () => {
    await browser.choose([file(low), file(high)]);
    for (const name of [low, high]) {
      await browser.until(`${state(name)} === "Ready"`, ANALYSIS);
      const facts = await browser.evaluate<string>(`${card(name)}.querySelector("dl").innerText`);
      for (const fact of ["Length", "6.0 s", "BPM", "Key", "LUFS"])
        assert.ok(facts.includes(fact), `${name}: no ${fact} in ${facts}`);
    }
  });

  it("the waveform is a picture", () =>
    browser.until(
      `(() => { const picture = ${card(low)}.querySelector("img"); picture.scrollIntoView(); return picture.complete && picture.naturalWidth > 0; })()`,
    ));

  it("a sample plays", async () => {
    await browser.evaluate(`${card(low)}.querySelector("audio").play()`);
    await browser.until(`${card(low)}.querySelector("audio").currentTime > 0.2`);
    await browser.evaluate(`${card(low)}.querySelector("audio").pause()`);
  });

  it("an upload that is cancelled leaves nothing", async () => {
    await browser.throttle(100_000);
    await browser.choose([file(long)]);
    await browser.until(`document.querySelector("progress")?.value > 0`);
    await browser.click("button", `Cancel ${long}`);
    await browser.throttle();
    await browser.sees("Cancelled");
    await browser.reload();
    await browser.until(`${LISTED}.includes(${JSON.stringify(low)})`);
    const listed = await browser.evaluate<string>(`document.querySelector("ul.samples").innerText`);
    assert.ok(!listed.includes(long), listed);
  });

  it("what is no audio, or empty, is refused with the reason", async () => {
    await browser.choose([file(text), file(`${mark} empty.wav`)]);
    await browser.sees("This is no WAV, FLAC or MP3 file, whatever its name says.");
    await browser.sees("The file is empty.");
    assert.ok(!(await browser.evaluate<string[]>(LISTED)).includes(text));
  });

  it("search and filters narrow the list, and the address keeps them", async () => {
    await browser.fill("input", "Search", `${mark} höher`);
    await browser.until(`JSON.stringify(${LISTED}) === ${JSON.stringify(JSON.stringify([high]))}`);
    await browser.reload();
    await browser.until(`JSON.stringify(${LISTED}) === ${JSON.stringify(JSON.stringify([high]))}`);
    await browser.fill("input", "Tempo from", "999");
    await browser.sees("No sample fits the search.");
    await browser.fill("input", "Tempo to", "10");
    await browser.sees("No tempo is from 999 to 10.");
    await browser.click("button", "Clear");
    await browser.until(`[${JSON.stringify(low)}, ${JSON.stringify(high)}].every((name) => ${LISTED}.includes(name))`);
  });

  it("similar samples are found by their sound, and Escape closes what shows them", async () => {
    await browser.click("button", `Similar to ${low}`);
    await browser.until(
      `[...document.querySelectorAll("dialog[open] h3")].some((name) => name.textContent === ${JSON.stringify(high)})`,
    );
    assert.ok(!(await browser.evaluate<string>(`sight.one("dialog ol").innerText`)).includes(low), "similar to itself");
    await browser.press("Escape");
    await browser.until(`!document.querySelector("dialog")`);
    assert.equal(await browser.evaluate("sight.name(document.activeElement)"), `Similar to ${low}`);
  });

  it("a sample is deleted once that is confirmed, and not before", async () => {
    await browser.click("button", `Delete ${low}`);
    await browser.click("dialog button", "Keep it");
    await browser.until(`!document.querySelector("dialog")`);
    for (const name of [low, high]) {
      await browser.click("button", `Delete ${name}`);
      await browser.click("dialog button", "Delete");
      await browser.until(`!${LISTED}.includes(${JSON.stringify(name)})`);
      // Where the list begins, and not at the top of the page.
      await browser.until(`document.activeElement.id === "samples"`);
    }
    await browser.reload();
    await browser.until(`sight.one("h2", "Library") && document.querySelector("[aria-busy=false]")`);
    assert.ok(!(await browser.evaluate<string[]>(LISTED)).some((name) => name.startsWith(mark)));
  });

  it("log-out ends the session", async () => {
    await browser.click("button", "Log out");
    await browser.until(`sight.one("h1", "Log in")`);
    await browser.reload();
    await browser.until(`sight.one("h1", "Log in")`);
  });

  it("the page kept its own policy, and nothing failed in it", () => assert.deepEqual(browser.complaints, []));
}

/** The component that is edited, and a text of it. */
const EDITED = "services/samplemind-frontend/src/login.tsx";
const TEXT = "<h1>Log in</h1>";

/**
 * Registers the test.
 * @param site Where Vite's dev server serves what is in the checkout.
 * @param checkout Its folder.
 */
export function hotReloadTest(site: () => Pick<Site, "url">, checkout: () => string): void {
  it("SM-58: an edited component shows in the open page, which is not loaded anew", async () => {
    const edited = join(checkout(), EDITED);
    const before = readFileSync(edited, "utf8");
    assert.ok(before.includes(TEXT), `${edited} has no ${TEXT}`);
    const browser = await Browser.start();
    try {
      await browser.open(site().url);
      await browser.until(`sight.one("h1", "Log in")`);
      await browser.evaluate("globalThis.same = true");
      writeFileSync(edited, before.replace(TEXT, "<h1>Come in</h1>"));
      await browser.until(`sight.one("h1", "Come in")`);
      assert.equal(await browser.evaluate("globalThis.same"), true, "the page was loaded anew");
    } finally {
      writeFileSync(edited, before);
      await browser.stop();
    }
  });
}
