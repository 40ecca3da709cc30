/** Proxies and authorities of a company: for builds, and for services that call others outside. */
import assert from "node:assert/strict";
import { makePlan } from "../../../plan/plan.ts";
import type { Plan } from "../../../plan/types.ts";
import { systems } from "../../../systems/index.ts";
import { catalogue, context, service, settings } from "../support.ts";

const CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
const PROXY = { url: "http://proxy.example.org:3128", none: [".example.org", "10.0.0.0/8"] };
const built = service("built", { image: { build: "built" }, networks: ["app", "egress"] });
const pulled = service("pulled", { networks: ["egress"], config: { "a.yml": "a" } });
const inside = service("inside", { image: { build: "built" } });
const plan = (values: Record<string, unknown>): Plan => makePlan(catalogue([built, pulled, inside]), context(values));
const of = (name: string, { services }: Plan) => services.find((one) => one.name === name)!;

describe("plan/outside", () => {
  it("gives nobody anything where the stack file says nothing", () => {
    const { buildArgs, services } = plan({});
    assert.deepEqual(buildArgs, {});
    assert.deepEqual(
      services.map(({ environment, config }) => [environment, config]),
      [
        [[], undefined],
        [[], { "a.yml": "a" }],
        [[], undefined],
      ],
    );
  });
  it("sends builds, and services that call others outside, through a proxy, but not to each other", () => {
    const made = plan({ "berth:proxy": PROXY });
    const { url } = PROXY;
    const none = "localhost,127.0.0.1,.example.org,10.0.0.0/8";
    // apt and curl, of which images are made, do not know HTTP_PROXY.
    const spelt = { http_proxy: url, https_proxy: url, no_proxy: none };
    assert.deepEqual(made.buildArgs, { HTTP_PROXY: url, HTTPS_PROXY: url, NO_PROXY: none, ...spelt });
    for (const name of ["built", "pulled"])
      assert.deepEqual(of(name, made).environment, [
        `HTTPS_PROXY=${url}`,
        `HTTP_PROXY=${url}`,
        // BusyBox's wget would ask a proxy in small letters for the health of its own container.
        "NO_PROXY=localhost,127.0.0.1,built,pulled,inside,.example.org,10.0.0.0/8",
      ]);
    assert.deepEqual(of("inside", made).environment, []);
  });
  it("has builds and those services trust further authorities, in the way of each", () => {
    const made = plan({ "berth:caCertificates": CA });
    assert.deepEqual(made.buildArgs, { CA_CERTIFICATES: CA });
    assert.deepEqual(of("built", made).environment, ["SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"]);
    assert.deepEqual(of("pulled", made).environment, ["SSL_CERT_DIR=/etc/berth/ca"]);
    assert.deepEqual(of("pulled", made).config, { "a.yml": "a", "ca/berth.crt": CA });
    assert.deepEqual([of("inside", made).environment, of("inside", made).config], [[], undefined]);
  });
  it("tells Alertmanager, which does not look by itself", () => {
    const file = (values: Record<string, unknown>) =>
      of("alertmanager", makePlan(systems.assistant.catalogue, context(values))).secrets!["alertmanager.yml"]!;
    assert.deepEqual((JSON.parse(file({ "berth:proxy": PROXY })) as { global: unknown }).global, {
      http_config: { proxy_from_environment: true },
    });
    assert.ok(!file({}).includes("global"));
  });
  it("refuses a proxy that no container reaches, one with a password, and what is no certificate", () => {
    for (const url of [
      "http://127.0.0.1:3128",
      "http://localhost",
      "http://a:b@proxy:3128",
      "proxy:3128",
      "socks5://p",
    ])
      assert.throws(() => settings({ "berth:proxy": { url } }), /berth:proxy\.url/, url);
    for (const text of ["/etc/ssl/ca.pem", "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"])
      assert.throws(() => settings({ "berth:caCertificates": text }), /berth:caCertificates/);
  });
});
