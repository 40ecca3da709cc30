/**
 * What the stand-in says to registries, before an engine and a registry that only
 * pretend. test/conformance has the real ones.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { configure } from "../../../bench/plugins/resource-docker/host.ts";
import { invoke } from "../../../bench/plugins/resource-docker/functions.ts";
import { pushImage } from "../../../bench/plugins/resource-docker/image/build.ts";
import { loginIn } from "../../../bench/plugins/resource-docker/login.ts";
import { parseName } from "../../../bench/plugins/resource-docker/registry.ts";

const DIGEST = `sha256:${"1".repeat(64)}`;
const OTHER = `sha256:${"2".repeat(64)}`;
const basic = (login: string): string => Buffer.from(login).toString("base64");
const subject = { urn: "", name: "", log: () => undefined, status: () => undefined };

describe("the stand-in and registries", () => {
  let server: Server;
  let at: string;
  let folder: string;
  const former = { config: process.env["DOCKER_CONFIG"], path: process.env["PATH"] };
  /** Answers of the test, by method and path; what was asked. */
  let answers: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {};
  let asked: { what: string; headers: IncomingMessage["headers"] }[] = [];
  const json = (status: number, body: unknown) => (_: IncomingMessage, response: ServerResponse) => {
    response.writeHead(status);
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "berth-registry-"));
    server = createServer((request, response) => {
      const what = `${request.method} ${request.url!.split("?")[0]}`;
      asked.push({ what, headers: request.headers });
      (answers[what] ?? json(404, { message: `no ${what}` }))(request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    at = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    process.env["DOCKER_CONFIG"] = folder;
  });
  after(() => {
    if (former.config === undefined) delete process.env["DOCKER_CONFIG"];
    else process.env["DOCKER_CONFIG"] = former.config;
    process.env["PATH"] = former.path;
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  beforeEach(async () => {
    asked = [];
    answers = { "GET /version": json(200, { ApiVersion: "1.41" }) };
    writeFileSync(join(folder, "config.json"), "{}");
    await configure({
      host: `tcp://${at}`,
      registryAuth: JSON.stringify([{ address: `http://${at}`, username: "ann", password: "pw" }]),
    });
  });
  const manifest = (digest: string) => `HEAD /v2/team/edge/manifests/${digest}`;
  const find = (name: string) => invoke("docker:index/getRegistryImage:getRegistryImage", { name });

  it("reads names as the real provider does: a digest without a tag is lost", () => {
    for (const [name, registry, repository, tag] of [
      [`registry.example.org:5000/team/edge:1@${DIGEST}`, "registry.example.org:5000", "team/edge", DIGEST],
      ["localhost/edge", "localhost", "edge", "latest"],
      ["redis:8.0", "registry-1.docker.io", "library/redis", "8.0"],
      ["team/edge:1", "registry-1.docker.io", "team/edge", "1"],
      [`${"registry.example.org"}/team/edge@${DIGEST}`, "registry.example.org", "team/edge@sha256", "1".repeat(64)],
    ] as const)
      assert.deepEqual(parseName(name), { registry, repository, tag }, name);
  });

  it("getRegistryImage: the registry's digest; what it does not have, in the bridge's words", async () => {
    answers[manifest(DIGEST)] = (_, response) => {
      response.writeHead(200, { "docker-content-digest": DIGEST });
      response.end();
    };
    assert.equal((await find(`${at}/team/edge:any@${DIGEST}`))["sha256Digest"], DIGEST);
    assert.equal(asked.at(-1)!.headers.authorization, `Basic ${basic("ann:pw")}`);
    await assert.rejects(find(`${at}/team/edge:any@${OTHER}`), {
      message: `invoking docker:index/getRegistryImage:getRegistryImage: 1 error occurred:\n\t* Got error when attempting to fetch image version team/edge:${OTHER} from registry: got bad response from registry: 404 Not Found\n\n`,
    });
  });

  it("getRegistryImage: gets a token where the registry wants one; without an entry it speaks https", async () => {
    answers["GET /token"] = (request, response) =>
      json(request.headers.authorization ? 200 : 401, { token: "t0ken" })(request, response);
    answers[manifest(DIGEST)] = (request, response) => {
      if (request.headers.authorization === "Bearer t0ken")
        response.writeHead(200, { "docker-content-digest": DIGEST });
      else response.writeHead(401, { "www-authenticate": `Bearer realm="http://${at}/token",service="registry"` });
      response.end();
    };
    assert.equal((await find(`${at}/team/edge:any@${DIGEST}`))["sha256Digest"], DIGEST);
    await configure({ host: `tcp://${at}` });
    await assert.rejects(find(`${at}/team/edge:any@${DIGEST}`), /Error during registry request/);
  });

  it("getRemoteImage: what the engine has, and nothing is pulled", async () => {
    const name = `${at}/team/edge@${DIGEST}`;
    answers[`GET /images/${name.split("/").map(encodeURIComponent).join("/")}/json`] = json(200, {
      Id: OTHER,
      RepoDigests: [`elsewhere/edge@${OTHER}`, name],
      RepoTags: [],
    });
    assert.deepEqual(await invoke("docker:index/getRemoteImage:getRemoteImage", { name }), {
      id: OTHER,
      name,
      repoDigest: name,
    });
    await assert.rejects(
      invoke("docker:index/getRemoteImage:getRemoteImage", { name: DIGEST }),
      /did not find docker image 'sha256:1+'/,
    );
    assert.ok(asked.every(({ what }) => what.startsWith("GET ")));
  });

  describe("a push", () => {
    const push = (more: object = {}) =>
      pushImage({ imageName: `${at}/team/edge:1`, ...more }, { Id: OTHER, RepoDigests: [], RepoTags: [] }, subject);
    const auth = (): unknown =>
      JSON.parse(Buffer.from(String(asked.at(-1)!.headers["x-registry-auth"]), "base64url").toString());
    const pushed = () => `POST /images/${at}/team/edge/push`;

    it("gives the digest that the registry answered with", async () => {
      answers[pushed()] = json(
        200,
        `{"status":"Pushing"}\n{"progressDetail":{},"aux":{"Tag":"1","Digest":"${DIGEST}","Size":1}}\n`,
      );
      assert.equal(await push(), `${at}/team/edge@${DIGEST}`);
    });
    it("falls back on what the engine then knows, and on nothing", async () => {
      answers[pushed()] = json(200, '{"status":"Pushing"}\n');
      assert.equal(await push(), "<none>@<none>");
      answers[`GET /images/${encodeURIComponent(OTHER)}/json`] = json(200, {
        Id: OTHER,
        RepoDigests: [`${at}/team/other@${OTHER}`, `${at}/team/edge@${DIGEST}`],
      });
      assert.equal(await push(), `${at}/team/edge@${DIGEST}`);
    });
    it("says what a refused log-in is", async () => {
      answers[pushed()] = json(200, '{"errorDetail":{"message":"EOF"},"error":"EOF"}\n');
      await assert.rejects(
        push(),
        /error reading push output: EOF\n: This error is most likely due to incorrect or mismatched registry credentials/,
      );
      answers[pushed()] = json(200, '{"errorDetail":{"code":401,"message":"no"},"error":"no"}\n');
      await assert.rejects(push(), { message: "error reading push output: authentication is required" });
    });
    it("goes by the docker client's log-in unless it is given one", async () => {
      answers[pushed()] = json(200, `{"aux":{"Digest":"${DIGEST}"}}\n`);
      await push();
      assert.deepEqual(auth(), {});
      writeFileSync(join(folder, "config.json"), JSON.stringify({ auths: { [at]: { auth: basic("ben:p:w") } } }));
      await push();
      assert.deepEqual(auth(), { username: "ben", password: "p:w", serveraddress: at });
      await push({ registry: { username: "given", password: "given" } });
      assert.equal((auth() as { username: string }).username, "given");
    });
  });

  it("registryAuth without a user takes the docker client's log-in, also a helper's; without its file it fails", async () => {
    writeFileSync(
      join(folder, "docker-credential-test"),
      `#!/bin/sh\ncat > /dev/null\necho '{"Username":"helped","Secret":"s"}'\n`,
    );
    chmodSync(join(folder, "docker-credential-test"), 0o755);
    process.env["PATH"] = [folder, former.path].join(delimiter);
    assert.deepEqual(
      loginIn(JSON.stringify({ credHelpers: { "registry.example.org": "test" } }), "registry.example.org"),
      { username: "helped", password: "s" },
    );
    assert.deepEqual(
      loginIn(
        JSON.stringify({ auths: { "https://index.docker.io/v1/": { auth: basic("hub:h") } } }),
        "registry-1.docker.io",
      ),
      { username: "hub", password: "h" },
    );
    assert.equal(loginIn("{}", "registry.example.org"), undefined);
    rmSync(join(folder, "config.json"));
    await assert.rejects(
      configure({ host: `tcp://${at}`, registryAuth: JSON.stringify([{ address: at }]) }),
      /could not open config file/,
    );
  });
});
