/** What SampleMind does for its users, on a stack that runs it (SM-66). */
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { docker, eventually } from "../../stack/command.ts";
import { starts } from "../../promises/starts.ts";
import type { World } from "../../stack/world.ts";
import { tone } from "./audio.ts";
import { Client, type Sample, USERS } from "./client.ts";

/** Until a sample is analysed, or is not to be. */
const ended = (client: Client, id: string): Promise<Sample> =>
  eventually(async () => {
    const sample = await client.sample(id);
    assert.match(sample.state, /^(ready|failed)$/);
    return sample;
  }, 120);
async function stored(client: Client, name: string, body: Uint8Array): Promise<string> {
  const { status, body: said } = await client.upload(name, body);
  assert.equal(status, 202, JSON.stringify(said));
  return (said as Sample).id;
}

/** MB that its images may have. */
const SIZES = { backend: 500, worker: 500, frontend: 100 } as const;

export function application(world: World<Client>): void {
  const { stack } = world;
  const { project } = stack;
  const files = async (): Promise<number> => {
    const [backend] = await project.running("backend");
    return Number(await docker("exec", backend!, "sh", "-c", "find /var/lib/samplemind/samples -type f | wc -l"));
  };

  starts(world, "SM-74");

  it("SM-12: runs everything that its plan says, all of it healthy", async () => {
    await project.assertDeclared();
    assert.deepEqual(await project.unhealthy(), []);
  });

  it("SM-71 to SM-73: its images are no larger than they may be", async () => {
    const running = await project.output<Record<string, string>>("images");
    for (const [service, most] of Object.entries(SIZES)) {
      const bytes = Number(await docker("image", "inspect", "--format", "{{.Size}}", running[service]!));
      assert.ok(bytes < most * 1e6, `${service}: ${Math.round(bytes / 1e6)} MB`);
      console.log(`      ${service}: ${Math.round(bytes / 1e6)} MB`);
    }
  });

  it("SM-29, SM-66: every dependency of every service answers", async () => {
    for (const service of ["backend", "worker", "beat", "flower", "frontend"])
      for (const container of await project.running(service)) await stack.check(service, container);
  });

  it("SM-05: the page is there, whatever its address, without a source map; what is none of its files is not found", async () => {
    for (const path of ["/", "/library/anything"]) {
      const answer = await fetch(stack.edge + path);
      assert.equal(answer.status, 200, path);
      assert.match(await answer.text(), /<div id="root">/);
    }
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(await (await fetch(stack.edge)).text())?.[1];
    assert.ok(script, "the page names no script");
    assert.equal((await fetch(`${stack.edge}${script}`)).status, 200);
    assert.notEqual((await fetch(`${stack.edge}${script}.map`)).headers.get("content-type"), "application/json");
  });

  it("lets in who knows the password, and nobody else", async () => {
    const anybody = new Client(stack.edge);
    assert.equal((await anybody.get("/api/samples")).status, 401);
    const { status, body } = await anybody.post("/api/auth/login", { email: USERS[0], password: "wrong" });
    assert.deepEqual([status, (body as { error: { code: string } }).error.code], [401, "invalid_login"]);
    assert.equal((await stack.session.get("/api/auth/me")).status, 200);
  });

  it("SM-02, SM-08: an upload is analysed, found by its name, and sounds like its like", async () => {
    const mark = randomUUID();
    const ids = await Promise.all([
      stored(stack.session, `${mark} one.wav`, tone({ seconds: 4, hertz: 440, bpm: 120 })),
      stored(stack.session, `${mark} like it.wav`, tone({ seconds: 4, hertz: 441, bpm: 120, seed: 7 })),
      stored(stack.session, `${mark} another.wav`, tone({ seconds: 4, hertz: 2000, bpm: 70 })),
    ]);
    const samples = await Promise.all(ids.map((id) => ended(stack.session, id)));
    for (const sample of samples) {
      assert.deepEqual([sample.state, sample.error, sample.type], ["ready", null, "wav"], JSON.stringify(sample));
      assert.ok(Math.abs(sample.duration - 4) < 0.1, String(sample.duration));
    }
    const found = await stack.session.search({ q: `${mark} like` });
    assert.deepEqual(
      found.map(({ id }) => id),
      [ids[1]],
    );
    const { status, body } = await stack.session.get(`/api/samples/${ids[0]}/similar?limit=50`);
    assert.equal(status, 200, JSON.stringify(body));
    const near = (body as { items: { sample: Sample; distance: number }[] }).items.map(({ sample }) => sample.id);
    assert.ok(near.includes(ids[1]), "what sounds alike is not near");
    const [like, other] = [near.indexOf(ids[1]), near.indexOf(ids[2])];
    assert.ok(other === -1 || like < other, "another sound is nearer");
    const picture = await stack.session.get(`/api/samples/${ids[0]}/waveform`);
    assert.match(picture.headers.get("content-type") ?? "", /^image\/svg\+xml/);
    const part = await stack.session.call("GET", `/api/samples/${ids[0]}/audio`, { headers: { range: "bytes=0-3" } });
    assert.deepEqual([part.status, part.body], [206, "RIFF"]);
  });

  it("the same key gives the same sample, once", async () => {
    const key = randomUUID();
    const [first, second] = [
      await stack.session.upload(`${key}.wav`, tone(), key),
      await stack.session.upload(`${key}.wav`, tone(), key),
    ];
    assert.equal((first.body as Sample).id, (second.body as Sample).id);
    assert.equal((await stack.session.search({ q: key })).length, 1);
  });

  it("what is deleted is gone, its file as well", async () => {
    const id = await stored(stack.session, "short lived.wav", tone());
    await ended(stack.session, id);
    const before = await files();
    assert.equal((await stack.session.call("DELETE", `/api/samples/${id}`)).status, 204);
    assert.equal((await stack.session.get(`/api/samples/${id}`)).status, 404);
    assert.equal(await files(), before - 1);
  });

  for (const [what, name, body, status] of [
    ["nothing at all", "empty.wav", new Uint8Array(), 422],
    ["what is no audio", "text.wav", new TextEncoder().encode("just text, and a lot of it".repeat(50)), 415],
    ["noise", "noise.mp3", randomBytes(5000), 415],
    ["a name of nothing", "\u0000\u0001", tone({ seconds: 0.1 }), 422],
  ] as const)
    it(`bad input: ${what} is refused with ${status}, and nothing is left of it`, async () => {
      const before = await files();
      const answer = await stack.session.upload(name, body);
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.ok((answer.body as { error: { code: string } }).error.code);
      assert.equal(await files(), before);
    });

  it("bad input: a WAV that ends too early is stored, and its analysis says why it failed, or did what it could", async () => {
    const id = await stored(stack.session, "cut off.wav", tone({ seconds: 2 }).subarray(0, 60));
    const { state, error } = await ended(stack.session, id);
    assert.ok(state === "ready" || (error ?? "").length > 5, `${state}: ${error}`);
  });

  for (const name of ["дом 家 🏠.wav", "../../etc/passwd", `${"a".repeat(251)}.wav`, "a/b\\c.wav"])
    it(`a name as ${JSON.stringify(name.slice(0, 20))} is kept as a name, and no path is made of it`, async () => {
      const id = await stored(stack.session, name, tone({ seconds: 0.2 }));
      const sample = await stack.session.sample(id);
      assert.ok(sample.name.length > 0 && !/[/\\]/.test(sample.name), sample.name);
    });

  it("bad times: without Chroma similar samples are a controlled 503, all else goes on, and what came meanwhile is analysed", async () => {
    const name = randomUUID();
    const before = await stored(stack.session, `${name}.wav`, tone({ seconds: 0.2 }));
    await ended(stack.session, before);
    const chroma = await project.container("chroma");
    await docker("stop", chroma);
    let meanwhile = "";
    try {
      const { status, headers, body } = await stack.session.get(`/api/samples/${before}/similar`);
      assert.equal(status, 503, JSON.stringify(body));
      assert.ok(headers.get("retry-after"));
      assert.ok((body as { error: { code: string } }).error.code);
      meanwhile = await stored(stack.session, "meanwhile.wav", tone({ seconds: 0.2 }));
      assert.equal((await stack.session.search({ q: name })).length, 1);
    } finally {
      await docker("start", chroma);
    }
    assert.equal((await ended(stack.session, meanwhile)).state, "ready");
    assert.equal((await stack.session.get(`/api/samples/${meanwhile}/similar`)).status, 200);
  });

  it("fifty uploads at once are all taken, or told when to come back, and none is half there", async () => {
    const mark = randomUUID();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => stack.session.upload(`${mark} ${n}.wav`, tone({ seconds: 0.3, seed: n }))),
    );
    const taken = answers.filter(({ status }) => status === 202);
    for (const { status, headers } of answers.filter(({ status }) => status !== 202)) {
      assert.equal(status, 503);
      assert.ok(headers.get("retry-after"));
    }
    assert.ok(taken.length > 25, String(taken.length));
    assert.equal((await stack.session.search({ q: mark, limit: "200" })).length, taken.length);
    for (const { body } of taken) assert.equal((await ended(stack.session, (body as Sample).id)).state, "ready");
  });
}
