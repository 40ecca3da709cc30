import assert from "node:assert/strict";
import fc from "fast-check";
import { containerArgs } from "../../../plan/container.ts";
import { startOrder } from "../../../plan/graph.ts";
import { duration } from "../../../plan/health.ts";
import { cpuShares, formatCpus } from "../../../plan/limits.ts";
import { imageTag, prefix, repository } from "../../../plan/names.ts";
import { makePlan } from "../../../plan/plan.ts";
import { edgeFiles } from "../../../plan/routes.ts";
import { references, render } from "../../../plan/template.ts";
import { catalogue, context, service } from "../support.ts";

describe("plan/health", () => {
  it("writes durations as the provider's state has them", () => {
    for (const [seconds, text] of [
      [0, "0s"],
      [30, "30s"],
      [60, "1m0s"],
      [90, "1m30s"],
      [3600, "1h0m0s"],
    ] as const)
      assert.equal(duration(seconds), text);
  });
});

describe("plan/limits", () => {
  it("writes cores as the provider's state has them", () => {
    for (const [cpus, text] of [
      [0.25, "0.25"],
      [0.5, "0.5"],
      [1, "1.0"],
      [1.5, "1.5"],
      [16, "16.0"],
    ] as const)
      assert.equal(formatCpus(cpus), text);
    assert.equal(cpuShares(0.5), 512);
  });
});

describe("plan/graph", () => {
  const graphs = fc
    .array(fc.array(fc.nat(9), { maxLength: 4 }), { minLength: 1, maxLength: 10 })
    .map((edges) =>
      edges.map((targets, i) => ({
        name: `s${i}`,
        after: targets.filter((t) => t < edges.length).map((t) => `s${t}`),
      })),
    );

  it("puts everything after what it waits for, or names a true circle", () =>
    fc.assert(
      fc.property(graphs, (nodes) => {
        const { order, cycle } = startOrder(nodes);
        if (!cycle) {
          assert.equal(order.length, nodes.length);
          const at = new Map(order.map((node, i) => [node.name, i]));
          for (const node of nodes) for (const other of node.after) assert.ok(at.get(other)! < at.get(node.name)!);
          return;
        }
        assert.equal(cycle[0], cycle.at(-1));
        for (let i = 0; i + 1 < cycle.length; i++)
          assert.ok(nodes.find((node) => node.name === cycle[i])!.after.includes(cycle[i + 1]!));
      }),
    ));
});

describe("plan/template", () => {
  it("fills values in, encoded as asked", () => {
    const values = { password: "a/b c", "password|version": "1f", "containers:api": "api-1 api-2" };
    assert.equal(render("u_@{password|version}:@{password|uri}", values), "u_1f:a%2Fb%20c");
    assert.equal(render("@{containers:api}", values), "api-1 api-2");
    assert.equal(
      render("@{password|sha256}", { password: "abc" }),
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    );
  });
  it("never leaves a hole", () => {
    assert.throws(() => render("@{absent}", {}), /no value for absent/);
    assert.throws(() => render("@{a|rot13}", { a: "x" }), /no filter rot13/);
  });
  it("leaves the braces of Prometheus and Grafana alone", () =>
    assert.deepEqual(references("{{ $labels.job }} {{service}} ${x}"), []));
});

describe("plan/routes", () => {
  /** What tells an edge of a service. */
  const edgeOf = (name: string) =>
    service("edge-routes", { networks: [], kind: "job", secrets: { upstreams: `@{containers:${name}}` } });
  const services = [
    service("api", { port: 8000, route: { public: "/", check: "/health" } }),
    service("agent", { port: 8001, route: { internal: 8001, check: "/health", readTimeout: 120 } }),
    service("worker", { port: 8002 }),
  ];
  const PLAIN = { tls: false, publicUrl: "http://127.0.0.1:8000", settle: 15, drain: 60, trustedProxies: [] };
  const template = "http {\n@{proxies}\n@{servers}\n}\n";

  it("balances each routed service over its containers, and no other", () => {
    assert.equal(
      edgeFiles(template, services, PLAIN)["upstreams"],
      "agent 8001 /health @{containers:agent}\napi 8000 /health @{containers:api}\n",
    );
    assert.equal(edgeFiles(template, services, PLAIN)["checks"], "8001 /health\n8080 /health\n");
  });
  it("watches applications without a route while a release settles", () => {
    assert.equal(edgeFiles(template, services, PLAIN)["watch"], "worker 8002 /health @{containers:worker}\n");
    assert.equal(edgeFiles(template, services, PLAIN)["settle"], "15\n");
  });
  it("keeps internal routes off the public listener", () => {
    const conf = edgeFiles(template, services, PLAIN)["nginx.conf"]!;
    const [publicPart, internal] = conf.split("listen 8001;");
    assert.match(publicPart!, /listen 8080;[\s\S]*proxy_pass http:\/\/api;/);
    assert.doesNotMatch(publicPart!, /http:\/\/agent/);
    assert.match(internal!, /proxy_pass http:\/\/agent;\n {6}proxy_read_timeout 120s;/);
  });
  it("leads several ways to a service, each with its own port, prefix, limits and policy", () => {
    const nexus = service("nexus", {
      port: 8080,
      route: { public: "/", check: "/healthz", probe: "/healthz" },
      routes: [
        {
          public: "/mcp.1",
          check: "/mcp.1",
          port: 8081,
          strip: true,
          readTimeout: 3600,
          bodyLimit: 50,
          frames: "same origin",
        },
        { public: "/static", check: "/static", probe: "/healthz", cache: 600 },
        { internal: 8002, check: "/", port: 8081 },
      ],
    });
    const files = edgeFiles(template, [nexus], PLAIN);
    assert.equal(
      files["upstreams"],
      "nexus 8080 /healthz @{containers:nexus}\nnexus_8081 8081 /health @{containers:nexus}\n",
    );
    assert.equal(files["checks"], "8080 /healthz\n8080 /static\n8080 /mcp.1\n8002 /\n");
    const of = (path: string) => files["nginx.conf"]!.split(`location ${path} {`)[1]!.split("\n    }")[0]!;
    assert.equal(
      of("/mcp.1").replaceAll(/\s+/g, " ").trim(),
      "set $route nexus; if (-f /tmp/busy/nexus) { set $busy nexus; } set $frames SAMEORIGIN; " +
        "rewrite ^/mcp\\.1(?:/(.*))?$ /$1 break; client_max_body_size 50m; " +
        "proxy_pass http://nexus_8081; proxy_read_timeout 3600s; proxy_send_timeout 3600s;",
    );
    assert.match(of("/static"), /expires 600s;\s+proxy_pass http:\/\/nexus;/);
    // How it is may be asked in an overload, too, unless that is the same page.
    assert.match(of("= /healthz"), /set \$route nexus;\s+limit_conn checks 64;\s+proxy_pass http:\/\/nexus;/);
    // Nobody reads a service's metrics through a route that takes its path away.
    assert.deepEqual(
      [...files["nginx.conf"]!.matchAll(/location = (\/(?!\.edge)\S*)/g)].map(([, path]) => path),
      ["/metrics", "/mcp.1/metrics", "/healthz"],
    );
    assert.match(files["nginx.conf"]!, /set \$frames DENY;\n {4}add_header [\s\S]*X-Frame-Options \$frames always/);
    assert.match(files["nginx.conf"]!, /listen 8002;[\s\S]*proxy_pass http:\/\/nexus_8081;/);
    const { urls } = makePlan(catalogue([nexus, edgeOf("nexus")]), context());
    assert.deepEqual(urls, {
      nexus: "http://127.0.0.1",
      "nexus /mcp.1": "http://127.0.0.1/mcp.1",
      "nexus /static": "http://127.0.0.1/static",
    });
  });
  it("with a certificate, speaks TLS and sends plain HTTP there", () => {
    for (const [publicUrl, port] of [
      ["https://berth.example.org", ""],
      ["https://berth.example.org:8543", ":8543"],
      ["https://127.0.0.1:443", ""],
    ] as const) {
      const conf = edgeFiles(template, services, { ...PLAIN, tls: true, publicUrl })["nginx.conf"]!;
      assert.ok(
        conf.includes(
          `listen 8080;\n    server_name _;\n    location / { return 308 https://$host${port}$request_uri; }\n`,
        ),
        conf,
      );
      assert.match(conf, /listen 8443 ssl;[\s\S]*Strict-Transport-Security/);
    }
  });
  it("on every listener, answers as JSON what it answers by itself", () => {
    for (const tls of [true, false]) {
      const servers = edgeFiles(template, services, { ...PLAIN, tls })
        ["nginx.conf"]!.split("  server {")
        .slice(1);
      assert.equal(servers.length, tls ? 3 : 2);
      for (const server of servers) {
        const pages = [...server.matchAll(/error_page ([\d ]+) (?:=\d* )?(\S+);/g)];
        const statuses = pages.flatMap(([, list]) => list!.trim().split(" ").map(Number));
        // nginx closes without an answer where the client is gone or too slow: 408, 444, 499.
        const own = [400, 404, 405, 413, 414, 416, 421, 494, 495, 496, 497, 500, 501, 502, 503, 504, 505];
        assert.deepEqual(statuses.sort(), own);
        for (const [, , place] of pages) {
          const block = server.split(new RegExp(`location (?:= )?${place!.replaceAll(".", "\\.")} \\{`))[1];
          assert.match(block!.split("\n    }")[0]!, /application\/json;[\s\S]*X-Request-Id \$rid[\s\S]*\{"error":/);
        }
      }
    }
  });
  it("believes the proxies that the stack trusts, and nobody else, who calls", () => {
    const conf = (...trustedProxies: string[]) =>
      edgeFiles(template, services, { ...PLAIN, trustedProxies })["nginx.conf"]!;
    assert.doesNotMatch(conf(), /real_ip|yes;/);
    const trusting = conf("10.0.0.0/8", "2001:db8::/32");
    assert.match(trusting, /real_ip_header X-Forwarded-For;\n {2}real_ip_recursive on;/);
    for (const network of ["10.0.0.0/8", "2001:db8::/32"]) {
      assert.ok(trusting.includes(`  set_real_ip_from ${network};\n`));
      assert.ok(trusting.includes(`    ${network} yes;\n`));
    }
  });
});

describe("plan/container", () => {
  it("hardens", () => {
    const plan = makePlan(catalogue([service("a")]), context());
    const args = containerArgs(plan.services[0]!, plan);
    assert.deepEqual([args.user, args.readOnly, args.capabilities], ["1000:0", true, { adds: [], drops: ["ALL"] }]);
    assert.equal(args.memorySwap, args.memory);
  });
});

describe("plan/names", () => {
  it("says the system once", () => {
    for (const [stack, name] of [
      ["dev", "assistant-dev"],
      ["assistant-dev", "assistant-dev"],
      ["assistants", "assistant-assistants"],
      ["customer-7", "assistant-customer-7"],
    ] as const)
      assert.equal(prefix("assistant", stack), name);
  });
  it("names a pushed image by version and commit, one of another stage than the runtime's by that as well", () => {
    assert.equal(
      repository("registry.example.org/team", "assistant", "edge"),
      "registry.example.org/team/assistant-edge",
    );
    assert.equal(imageTag({ version: "1.2.3", revision: "0a1b2c3d4e5f", target: "runtime" }), "1.2.3-0a1b2c3d4e5f");
    assert.equal(
      imageTag({ version: "1.2.3+build", revision: "uncommitted", target: "development" }),
      "1.2.3-build-uncommitted-development",
    );
  });
});
