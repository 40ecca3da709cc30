import assert from "node:assert/strict";
import { parseConfig, type RawSecret } from "../../../config/parse.ts";
import { formatProblems, setCommand } from "../../../config/problems.ts";
import { mebibytes, seconds } from "../../../config/schema.ts";
import { faultOf } from "../../../config/secrets.ts";
import { systemOf } from "../../../config/shape.ts";
import { systems } from "../../../systems/index.ts";

const parse = (values: Record<string, string>, secrets: Record<string, RawSecret> = {}, sealed: string[] = []) =>
  parseConfig(
    {
      stack: "dev",
      values: new Map(Object.entries({ "berth:environment": "dev", ...values })),
      secrets: new Map(Object.entries(secrets)),
      sealed: new Set(sealed),
    },
    systems.assistant.shape,
  );
const { secrets } = systems.assistant.shape;
/** A key that only some systems have. */
const own = (values: Record<string, string>, key: string): unknown =>
  (parse(values).settings as Readonly<Record<string, unknown>> | undefined)?.[key];

describe("config/parse", () => {
  it("fills in defaults, and keeps false, 0 and empty apart from missing", () => {
    const { settings } = parse({ "berth:protectData": "false", "berth:portOffset": "0" });
    assert.equal(settings?.protectData, false);
    assert.equal(settings?.portOffset, 0);
    assert.equal(settings?.restart, "always");
    assert.equal(parse({}).settings?.protectData, true);
  });

  it("takes numbers and objects from the CLI's text, and text as text", () => {
    assert.deepEqual(parse({ "berth:ports": '{"edge":8000}' }).settings?.ports, { edge: 8000 });
    assert.equal(own({ "berth:database": "1" }, "database"), undefined);
    assert.equal(own({ "berth:database": "pa_1" }, "database"), "pa_1");
  });

  for (const [name, values, key, got] of [
    ["an unknown key", { "berth:prots": "{}" }, "berth:prots", "no such key"],
    [
      "an unknown key inside",
      { "berth:services": '{"api":{"memroy":"1GiB"}}' },
      "berth:services.api.memroy",
      "no such key",
    ],
    ["a wrong type", { "berth:debug": "yes" }, "berth:debug", '"yes"'],
    ["a proxy that is no network", { "berth:trustedProxies": '["10.0.0.1"]' }, "berth:trustedProxies[0]", '"10.0.0.1"'],
    ["everybody as a proxy", { "berth:trustedProxies": '["0.0.0.0/0"]' }, "berth:trustedProxies[0]", '"0.0.0.0/0"'],
    ["a misspelt size", { "berth:services": '{"api":{"memory":"2 GB"}}' }, "berth:services.api.memory", '"2 GB"'],
    ["no replicas", { "berth:services": '{"api":{"replicas":0}}' }, "berth:services.api.replicas", "0"],
    ["a port that is none", { "berth:ports": '{"edge":70000}' }, "berth:ports.edge", "70000"],
    [
      "cores that the provider cannot store",
      { "berth:services": '{"api":{"cpus":10}}' },
      "berth:services.api.cpus",
      "10",
    ],
    [
      "a registry with its protocol",
      { "berth:registry": "https://registry.example.org" },
      "berth:registry",
      "https://registry.example.org",
    ],
    ["a registry with a tag", { "berth:registry": "registry.example.org/team:1" }, "berth:registry", "team:1"],
    [
      "a registry that Docker takes for a user of Docker Hub",
      { "berth:registry": "team/berth" },
      "berth:registry",
      "team/berth",
    ],
    ["a registry's path in capitals", { "berth:registry": "registry.example.org/Team" }, "berth:registry", "Team"],
    ["half a digest", { "berth:images": `{"edge":"x-sha256:${"0".repeat(64)}"}` }, "berth:images.edge", "x-sha256"],
    ["an existing image by its tag", { "berth:images": '{"edge":"edge:1"}' }, "berth:images.edge", "edge:1"],
    ["a base image that moves", { "berth:baseImages": '{"python":"python"}' }, "berth:baseImages.python", "python"],
    [
      "a database's folder that is the whole disk",
      { "berth:postgres": '{"device":"/"}' },
      "berth:postgres.device",
      "/",
    ],
    [
      "a database's folder that climbs out",
      { "berth:postgres": '{"device":"/mnt/../etc"}' },
      "berth:postgres.device",
      "/mnt/../etc",
    ],
    ["a database of the server's own", { "berth:database": "postgres" }, "berth:database", "postgres"],
    [
      "a base image that is the latest",
      { "berth:baseImages": '{"nginx":"nginx:latest"}' },
      "berth:baseImages.nginx",
      "nginx:latest",
    ],
    ["a base image in capitals", { "berth:baseImages": '{"nginx":"Nginx:1"}' }, "berth:baseImages.nginx", "Nginx:1"],
    [
      "a base image with half a digest",
      { "berth:baseImages": '{"nginx":"nginx@sha256:12"}' },
      "berth:baseImages.nginx",
      "sha256:12",
    ],
    ["an address with a path", { "berth:publicUrl": "https://x.org/app" }, "berth:publicUrl", "https://x.org/app"],
    ["an address with a question", { "berth:publicUrl": "https://x.org?a=b" }, "berth:publicUrl", "https://x.org?a=b"],
    [
      "no memory, which is all of it to an engine",
      { "berth:services": '{"api":{"memory":"0MiB"}}' },
      "berth:services.api.memory",
      "0MiB",
    ],
    [
      "less memory than an engine gives",
      { "berth:services": '{"api":{"memory":"5MiB"}}' },
      "berth:services.api.memory",
      "5MiB",
    ],
    [
      "a variable by a name that is none",
      { "berth:services": '{"api":{"environment":{"A=B":"c"}}}' },
      "berth:services.api.environment.A=B",
      "A=B",
    ],
    ["a pool of nothing", { "berth:postgres": '{"poolSize":0}' }, "berth:postgres.poolSize", "0"],
    ["backups every thousand years", { "berth:backup": '{"every":"365250d"}' }, "berth:backup.every", '"365250d"'],
    ["metrics for 2,000 years", { "berth:retention": '{"metrics":"99999w"}' }, "berth:retention.metrics", '"99999w"'],
    [
      "more memory than a number holds",
      { "berth:services": '{"api":{"memory":"99999999999999GiB"}}' },
      "berth:services.api.memory",
      "99999999999999GiB",
    ],
    ["a bucket with an empty part", { "berth:backup": '{"s3":{"bucket":"a..b"}}' }, "berth:backup.s3.bucket", "a..b"],
    ["a bucket that is an address", { "berth:backup": '{"s3":{"bucket":"10.0.0.1"}}' }, "berth:backup.s3.bucket", "10"],
    [
      "a store by an address with a password",
      { "berth:backup": '{"s3":{"bucket":"abc","endpoint":"https://u:p@s3.example.org"}}' },
      "berth:backup.s3.endpoint",
      "https://…@s3.example.org",
    ],
    ["backups every six", { "berth:backup": '{"every":"6"}' }, "berth:backup.every", '"6"'],
    ["no backup kept", { "berth:backup": '{"keep":0}' }, "berth:backup.keep", "0"],
    ["a bucket in capitals", { "berth:backup": '{"s3":{"bucket":"Mine"}}' }, "berth:backup.s3.bucket", "Mine"],
    ["no bucket", { "berth:backup": '{"s3":{"region":"x"}}' }, "berth:backup.s3.bucket", "missing"],
    [
      "backups in two places",
      { "berth:backup": '{"device":"/mnt/b","s3":{"bucket":"mine"}}' },
      "berth:backup",
      "/mnt/b",
    ],
    [
      "a sentence in place of a revision",
      { "berth:allowDestructiveMigrations": "all of them" },
      "berth:allowDestructiveMigrations",
      "all of them",
    ],
    ["an environment that is none", { "berth:environment": "production" }, "berth:environment", "production"],
  ] as const)
    it(`refuses ${name} and says how to mend it`, () => {
      const { problems } = parse(values);
      assert.equal(problems.length, 1, JSON.stringify(problems));
      assert.equal(problems[0]!.key, key);
      assert.ok(problems[0]!.got.includes(got), problems[0]!.got);
      assert.match(problems[0]!.fix, /^pulumi config (set|rm) /);
      assert.ok(problems[0]!.fix.includes(key));
      assert.ok(problems[0]!.allowed.length > 3);
    });

  it("makes backups only where it is told to, with defaults", () => {
    assert.equal(own({}, "backup"), undefined);
    assert.deepEqual(own({ "berth:backup": "{}" }, "backup"), { every: "6h", keep: 14 });
    assert.deepEqual(["5m", "6h", "2d"].map(seconds), [300, 21_600, 172_800]);
  });

  it("takes registries with a path, a port, or neither", () => {
    for (const registry of [
      "registry.example.org/team",
      "127.0.0.1:5005/a/b-c",
      "localhost/x",
      "localhost:5000",
      "docker.io/team",
      "ghcr.io",
    ])
      assert.equal(parse({ "berth:registry": registry }).settings?.registry, registry);
    assert.equal(parse({}).settings?.registry, undefined);
  });

  it("names the key that may have been meant, at the top, inside, and of a secret", () => {
    const { problems } = parse({
      "berth:prots": "{}",
      "berth:postgresPasword": "x",
      "berth:colour": "blue",
      "berth:services": '{"api":{"memroy":"1GiB"}}',
    });
    assert.deepEqual(problems.map(({ key, got }) => `${key}: ${got}`).sort(), [
      "berth:colour: no such key",
      "berth:postgresPasword: no such key; did you mean postgresPassword?",
      "berth:prots: no such key; did you mean ports?",
      "berth:services.api.memroy: no such key; did you mean memory?",
    ]);
  });

  it("mends a part by that part, and a wrong name by taking it away", () => {
    const fixes = (values: Record<string, string>) => parse(values).problems.map(({ fix }) => fix);
    assert.deepEqual(fixes({ "berth:trustedProxies": '["10.0.0.1"]' }), [
      "pulumi config set --path 'berth:trustedProxies[0]' 10.0.0.0/8 --stack dev",
    ]);
    assert.deepEqual(fixes({ "berth:services": '{"api":{"environment":["A=b"]}}' }), [
      `pulumi config set --path berth:services.api.environment '{"RATE_LIMIT_PER_MINUTE":600}' --stack dev`,
    ]);
    assert.deepEqual(fixes({ "berth:services": '{"api":{"environment":{"A-B":"c"}}}' }), [
      "pulumi config rm --path berth:services.api.environment.A-B --stack dev",
    ]);
    // One leaf, one message, however many of its rules are broken.
    assert.equal(fixes({ "berth:services": '{"api":{"cpus":0.1}}' }).length, 1);
  });
  it("tells a path that was set as a name", () => {
    const [problem] = parse({ "berth:services.api.replicas": "2" }).problems;
    assert.match(problem!.got, /without --path/);
    assert.match(
      problem!.fix,
      /^pulumi config rm berth:services\.api\.replicas .*--path berth:services\.api\.replicas/,
    );
  });
  it("takes no name that every object has for a key", () => {
    for (const name of ["constructor", "toString", "__proto__"])
      assert.match(parse({ [`berth:${name}`]: "1" }).problems[0]!.got, /^no such key(?!: f)/, name);
    assert.throws(() => systemOf(systems, "constructor", "dev"), /there is no system/);
  });
  it("reports every problem at once", () => {
    const { problems } = parse({ "berth:debug": "maybe", "berth:colour": "blue", "berth:logLevel": "LOUD" });
    assert.deepEqual(problems.map((problem) => problem.key).sort(), ["berth:colour", "berth:debug", "berth:logLevel"]);
  });

  it("refuses secrets in plain text, short ones, and half a pair, without showing a value", () => {
    const { problems } = parse(
      {},
      {
        "berth:postgresPassword": { encrypted: false, fault: faultOf("shrt", secrets["postgresPassword"]!) },
        "berth:tlsCertificate": { encrypted: true },
      },
    );
    assert.deepEqual(
      problems.map((problem) => problem.key),
      ["berth:postgresPassword", "berth:postgresPassword", "berth:tlsKey"],
    );
    assert.ok(problems.every((problem) => problem.fix.startsWith("pulumi config set --secret")));
  });

  it("refuses text where a JSON object is needed, before Alertmanager does; where the value is not known, it says nothing", () => {
    const mail = (text: string) =>
      parse({}, { "berth:alertMail": { encrypted: true, fault: faultOf(text, secrets["alertMail"]!) } }).problems;
    for (const text of [
      "ops@example.org",
      "[]",
      '{"to":"ops@example.org"}',
      '{"to":"a@b","from":"a@b","smarthost":"b"}',
    ]) {
      assert.deepEqual(
        mail(text).map(({ key, got }) => [key, got]),
        [["berth:alertMail", "not the JSON object that is needed"]],
      );
      assert.match(mail(text)[0]!.allowed, /smtp\.example\.org/);
    }
    assert.deepEqual(mail(secrets["alertMail"]!.example), []);
    assert.deepEqual(parse({}, { "berth:alertMail": { encrypted: true } }).problems, []);
  });

  describe("a secret", () => {
    const LONG = "0123456789abcdef0123456789abcdef";
    const PEM = `-----BEGIN CERTIFICATE-----\n${LONG}\n-----END CERTIFICATE-----\n`;
    for (const [what, name, text, got] of [
      ["with a line break at its end", "postgresPassword", `${LONG}\n`, "more than one line"],
      ["as Windows ends a line", "postgresPassword", `${LONG}\r`, "more than one line"],
      ["of two lines, which would be two keys", "jwtSigningKey", `${LONG}\n${LONG}`, "more than one line"],
      ["with a control character", "redisPassword", `${LONG}\u0007`, "a control character"],
      ["with a space at its end", "grafanaAdminPassword", `${LONG} `, "a space at one of its ends"],
      ["for a header, with an umlaut", "internalToken", `${LONG}ü`, "a character outside ASCII"],
      ["that is no URL", "alertWebhookUrl", "hooks.example.org/x", "no URL"],
      ["with one slash", "alertWebhookUrl", "https:/hooks.example.org", "no URL"],
      ["with none", "alertHeartbeatUrl", "https:hooks.example.org", "no URL"],
      ["that is another kind of URL", "alertSlackUrl", "ftp://hooks.example.org", "no URL"],
      ["that is no PEM", "tlsKey", LONG + LONG, "no PEM"],
      ["that is a path to PEM", "tlsCertificate", `/etc/ssl/${LONG}/${LONG}.pem`, "no PEM"],
      ["too long for a header", "llmApiKey", LONG.repeat(33), "1056 characters"],
      ["that is empty", "llmApiKey", "", "0 characters"],
      ["of Twilio, with an umlaut", "twilioAuthToken", `${LONG}ü`, "a character outside ASCII"],
      ["that has a byte order mark", "tlsCertificate", `\uFEFF${PEM}`, "a byte order mark before -----BEGIN"],
      ["whose lines have become \\n", "tlsKey", PEM.replaceAll("\n", "\\n"), "a backslash and an n where a line ends"],
      ["that is indented", "tlsKey", `${PEM}  ${PEM}`, "a -----BEGIN that does not begin a line"],
      ["whose last former key is cut off", "jwtPreviousKey", `${LONG}\n${LONG} `, "a space at one of its ends"],
      [
        "with a number that has no plus",
        "twilioUserNumbers",
        '{"15551234567":"a@b.c"}',
        "not the JSON object that is needed",
      ],
    ] as const)
      it(`${what} is refused without showing it`, () => {
        const fault = faultOf(text, secrets[name]!)!;
        assert.equal(fault.got, got);
        assert.ok(!JSON.stringify(fault).includes(LONG));
      });
    for (const [what, name, text] of [
      ["of words, quotes, backslashes and dollars", "redisAdminPassword", `it's "mine" \\ $HOME @{x} #1 %41`],
      ["in another script", "postgresPassword", "пароль-с-двумя-словами 密码 🔑"],
      ["of several former keys", "jwtPreviousKey", `${LONG}\n${LONG}`],
      ["that is a URL with a password", "alertWebhookUrl", "https://a:b@hooks.example.org/x?y=z"],
      ["of several certificates, as Windows ends lines", "tlsCertificate", (PEM + PEM).replaceAll("\n", "\r\n")],
      ["of numbers with their plus", "twilioUserNumbers", '{"+15551234567":"ann@example.org"}'],
    ] as const)
      it(`${what} is taken`, () => assert.equal(faultOf(text, secrets[name]!), undefined));

    it("is refused where nothing secret goes, without showing it", () => {
      const values = {
        "berth:logLevel": "hunter2",
        "berth:services": '{"api":{"environment":{"API_KEY":"hunter2"}}}',
        "berth:postgresPaswrd": "hunter2",
      };
      const { problems } = parse(values, {}, Object.keys(values));
      assert.deepEqual(problems.map(({ key, got }) => `${key}: ${got}`).sort(), [
        "berth:logLevel: encrypted in the stack file (--secret)",
        "berth:postgresPaswrd: no such key; did you mean postgresPassword?",
        "berth:services: encrypted in the stack file (--secret)",
      ]);
      assert.ok(!JSON.stringify(problems).includes("hunter2"));
    });
    it("in a URL is not shown", () => {
      const [problem] = parse({ "berth:publicUrl": "https://ann:hunter2@example.org" }).problems;
      assert.deepEqual([problem!.key, problem!.got], ["berth:publicUrl", 'got "https://…@example.org"']);
    });
  });

  it("refuses a number where text is wanted, once: in YAML, 0010 is another revision than it says", () => {
    const values = new Map([
      ["berth:environment", "dev"],
      ["berth:schema", "8"],
      ["berth:portOffset", "100"],
    ]);
    const text = "config:\n  berth:schema: 0010\n  berth:portOffset: 100\n";
    const { problems } = parseConfig({ stack: "dev", values, secrets: new Map(), text }, systems.assistant.shape);
    assert.deepEqual(
      problems.map(({ key, fix }) => `${key} | ${fix}`),
      ["berth:schema | pulumi config set berth:schema '<value>' --stack dev"],
    );
  });

  it("takes images as engines do, and an address with or without a slash", () => {
    const digest = `sha256:${"0".repeat(64)}`;
    for (const image of [
      "postgres:17",
      "127.0.0.1:5005/a/b-c:1.2_3",
      `localhost/x__y:latest@${digest}`,
      `ghcr.io/o/p@${digest}`,
    ])
      assert.deepEqual(parse({ "berth:baseImages": JSON.stringify({ postgres: image }) }).problems, []);
    for (const url of ["https://berth.example.org", "http://[::1]:8080/", "HTTPS://berth.example.org"])
      assert.deepEqual(parse({ "berth:publicUrl": url }).problems, []);
  });

  it("writes sizes in MiB", () => {
    assert.equal(mebibytes("512MiB"), 512);
    assert.equal(mebibytes("2GiB"), 2048);
  });
});

describe("config/problems", () => {
  it("quotes what a shell would split", () => {
    assert.equal(
      setCommand("berth:ports.edge", 8000, "dev"),
      "pulumi config set --path berth:ports.edge 8000 --stack dev",
    );
    assert.equal(setCommand("berth:off", ["grafana"], "dev"), `pulumi config set berth:off '["grafana"]' --stack dev`);
  });

  it("says that nothing was touched", () => {
    assert.match(
      formatProblems("dev", [{ key: "k", got: "g", allowed: "a", fix: "f" }]),
      /^1 problem in .*Nothing was touched\.\n\n {2}k: g\n {4}allowed: a\n {4}fix: {5}f/,
    );
  });
});
