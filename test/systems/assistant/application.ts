/** What the assistant does for its users, on a stack that runs it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { starts } from "../../promises/starts.ts";
import { traces } from "../../stack/engine.ts";
import { eventually } from "../../stack/command.ts";
import type { World } from "../../stack/world.ts";
import { Client } from "./client.ts";

export function application(world: World): void {
  const { stack } = world;
  const { project } = stack;
  const enter = (email: string): Promise<Client> => new Client(stack.edge).enter(email);

  it("PA-33: every dependency of every service answers", async () => {
    const { status, body } = await stack.session.get("/ready");
    assert.equal(status, 200, JSON.stringify(body));
  });

  starts(world, "PA-62");

  it("PA-50: a request has one id, which is the trace's too, in the lines of edge, api and agent", async () => {
    const user = await enter("trace@example.org");
    const request = randomUUID().replaceAll("-", "");
    const { headers } = await user.call("POST", "/v1/messages", {
      body: { text: "help" },
      headers: { "x-request-id": request },
    });
    assert.equal(headers.get("x-request-id"), request);
    await eventually(
      async () => assert.deepEqual(await traces(project, request, ["edge", "api", "agent"]), [request]),
      10,
    );
  });

  it("PA-50: a request goes on with its caller's trace; what is none begins a new one", async () => {
    const user = await enter("trace@example.org");
    const given = "4bf92f3577b34da6a3ce929d0e0e4736";
    for (const [traceparent, goesOn] of [
      [`00-${given}-00f067aa0ba902b7-00`, true],
      [`00-${given}-00f067aa0ba902b7`, false],
      [`00-${given}-${"0".repeat(16)}-01`, false],
    ] as const) {
      const request = randomUUID();
      await user.call("GET", "/v1/tasks", { headers: { "x-request-id": request, traceparent } });
      await eventually(async () => {
        const [trace, ...more] = await traces(project, request, ["edge", "api"]);
        assert.ok(more.length === 0 && /^(?!0{32})[0-9a-f]{32}$/.test(trace!), [trace, ...more].join(", "));
        assert.equal(trace === given, goesOn, traceparent);
      }, 10);
    }
  });

  describe("PA-05, PA-12: a signed SMS", () => {
    let ann: Client, ben: Client;
    const titles = async (user: Client) =>
      JSON.stringify([(await user.get("/v1/reminders")).body, (await user.get("/v1/tasks")).body]);
    before(async () => {
      ann = await enter("ann@example.org");
      ben = await enter("ben@example.org");
    });

    it("becomes a reminder that its user sees, and no other", async () => {
      const what = `call the harbour ${randomUUID()}`;
      const answer = await new Client(stack.edge).sms("+15550000001", `remind me tomorrow to ${what}`);
      assert.equal(answer.status, 200, String(answer.body));
      assert.match(String(answer.body), /<Response>/);
      await eventually(async () => assert.ok((await titles(ann)).includes(what)));
      assert.ok(!(await titles(ben)).includes(what));
    });

    it("with a wrong signature, from an unknown number, or without a token: 403, 404, 401, and nothing stored", async () => {
      const anybody = new Client(stack.edge);
      const what = `steal the boat ${randomUUID()}`;
      const before = await titles(ann);
      const text = `remind me tomorrow to ${what}`;
      assert.equal((await anybody.sms("+15550000001", text, { signature: "AAAA" })).status, 403);
      assert.equal((await anybody.sms("+15558888888", text)).status, 404);
      assert.equal((await anybody.post("/v1/tasks", { title: what })).status, 401);
      // What is sent afterwards and has arrived shows that the others would have.
      const later = `greet the harbour ${randomUUID()}`;
      assert.equal((await anybody.sms("+15550000001", `remind me tomorrow to ${later}`)).status, 200);
      await eventually(async () => assert.ok((await titles(ann)).includes(later)));
      assert.ok(!(await titles(ann)).includes(what) && !(await titles(ben)).includes(what));
      assert.ok(!before.includes(what));
    });
  });

  it("an event is stored once, and every execution is counted", async () => {
    const user = await enter("counter@example.org");
    const id = randomUUID();
    const send = () => user.post("/v1/events", { id, payload: { n: 1 } });
    const attempts = async () => ((await user.get(`/v1/events/${id}`)).body as { attempts: number }).attempts;
    assert.ok((await send()).status < 300);
    assert.equal(await attempts(), 1);
    await send();
    assert.equal(await attempts(), 2);
  });
}
