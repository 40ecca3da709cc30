/** What the image of SampleMind's page is made from (SM-16…18, SM-53). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const read = (file: string): string =>
  readFileSync(join(import.meta.dirname, "../../../services/samplemind-frontend", file), "utf8");

describe("the image of SampleMind's page", () => {
  const nginx = read("nginx/nginx.conf");
  /** Locations, by what follows the word: their lines. */
  const locations = [...nginx.matchAll(/^ {4}location ([^{]+) \{\n([^]*?)^ {4}\}$/gm)].map(
    ([, name, body]) => [name!, body!] as const,
  );

  it("SM-16: has three stages and one for development, on bases that can be set", () => {
    const stages = [...read("Dockerfile").matchAll(/^FROM (\S+) AS (\S+)$/gm)].map(
      ([, from, stage]) => `${from} > ${stage}`,
    );
    assert.deepEqual(stages, [
      "${NODE_IMAGE} > deps",
      "deps > development",
      "deps > builder",
      "${NGINX_IMAGE} > runtime",
    ]);
  });
  it("uses no package manager of a distribution", () => assert.doesNotMatch(read("Dockerfile"), /^RUN .*\b(apk|apt)/m));
  it("SM-17: installs what is locked, from whatever registry is set, and ships no source maps", () => {
    assert.match(read("Dockerfile"), /^(?:RUN|    &&) npm ci /m);
    assert.doesNotMatch(read("package-lock.json"), /"resolved"/);
    assert.match(read("vite.config.ts"), /sourcemap: false/);
  });
  it("SM-53: runs as nobody special, and listens where that may", () => {
    assert.match(read("Dockerfile"), /FROM \${NGINX_IMAGE}[^]*USER 101:101/);
    assert.match(nginx, /listen 8080;/);
    assert.doesNotMatch(nginx, /^\s*user /m);
  });
  it("SM-18: every location that adds a header has the common ones too, which it would lose", () => {
    assert.deepEqual(
      locations.map(([name]) => name),
      ["= /health", "/assets/", "/", "/api/"],
    );
    for (const [name, body] of locations)
      assert.equal(/add_header/.test(body), /include headers.conf/.test(body), name);
  });
  it("SM-18: keeps files whose names change with them, and the page itself never", () => {
    const of = Object.fromEntries(locations);
    assert.match(of["/assets/"]!, /max-age=31536000, immutable[^]*try_files \$uri =404;/);
    assert.match(of["/"]!, /no-cache[^]*try_files \$uri \/index.html;/);
    assert.match(nginx, /gzip on;/);
  });
  it("allows scripts and styles from its own files alone", () => {
    const [, policy] = /^add_header Content-Security-Policy "(.+)" always;$/m.exec(read("nginx/headers.conf"))!;
    assert.match(policy!, /^default-src 'self';/);
    assert.doesNotMatch(policy!, /unsafe|https?:|data:|\*/);
    assert.doesNotMatch(read("index.html"), /<style|style=|<script(?![^>]* src=)/);
  });
});
