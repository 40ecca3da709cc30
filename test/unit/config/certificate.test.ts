import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { authorityProblems, certificateNotices, certificateProblems, type Shown } from "../../../config/certificate.ts";

describe("config/certificate", function () {
  this.timeout(30_000);
  const folder = mkdtempSync(join(tmpdir(), "berth-certificate-"));
  const at = (file: string) => join(folder, file);
  const read = (file: string) => readFileSync(at(file), "utf8");
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  after(() => rmSync(folder, { recursive: true }));

  before(() => {
    const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    openssl(
      "req",
      "-x509",
      ...key,
      "-keyout",
      "ca.key",
      "-out",
      "ca.pem",
      "-days",
      "30",
      "-subj",
      "/CN=Some Authority",
    );
    openssl("req", ...key, "-keyout", "own.key", "-out", "own.csr", "-subj", "/CN=berth");
    openssl("req", ...key, "-keyout", "other.key", "-out", "other.csr", "-subj", "/CN=other");
    writeFileSync(at("names"), "subjectAltName=DNS:berth.example.org,DNS:*.berth.example.org,IP:192.0.2.7");
    const ca = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    openssl("x509", "-req", "-in", "own.csr", ...ca, "-days", "20", "-extfile", "names", "-out", "own.pem");
  });

  const shown = (more: Partial<Shown> = {}): Shown => ({
    stack: "prod",
    certificate: read("own.pem") + read("ca.pem"),
    key: read("own.key"),
    publicUrl: "https://berth.example.org",
    now: new Date(),
    ...more,
  });
  const found = (more: Partial<Shown>) => certificateProblems(shown(more)).map(({ key, got }) => `${key}: ${got}`);
  const days = (n: number): Date => new Date(Date.now() + n * 86_400_000);

  it("takes a certificate with its chain, by name, by a name under it, by address, and without a URL", () => {
    for (const publicUrl of [
      "https://berth.example.org:8443",
      "https://a.berth.example.org",
      "https://192.0.2.7",
      undefined,
    ])
      assert.deepEqual(found({ publicUrl }), []);
    assert.deepEqual(certificateNotices(shown()), []);
  });
  it("refuses one that has ended, or has not begun, of the whole chain", () => {
    assert.match(found({ now: days(25) }).join(), /^berth:tlsCertificate: CN=berth ended on [\d-]{10}$/);
    assert.equal(found({ now: days(40) }).length, 2);
    assert.match(found({ now: days(-2) })[0]!, /CN=berth begins on/);
  });
  it("refuses one for another host", () => {
    const [problem] = found({ publicUrl: "https://shop.example.org" });
    assert.match(problem!, /^berth:tlsCertificate: is for DNS:berth\.example\.org.*, not for shop\.example\.org$/);
    assert.equal(found({ publicUrl: "https://192.0.2.8" }).length, 1);
  });
  it("refuses one that names its host in its subject alone, where no browser looks", () => {
    openssl("req", "-x509", "-key", "own.key", "-out", "cn.pem", "-days", "9", "-subj", "/CN=berth.example.org");
    const [problem] = found({ certificate: read("cn.pem") });
    assert.match(
      problem!,
      /is for nothing but CN=berth\.example\.org.*no subjectAltName.*, not for berth\.example\.org$/,
    );
  });
  it("refuses a key that is another's, or none, and shows nothing of it", () => {
    assert.deepEqual(found({ key: read("other.key") }), ["berth:tlsKey: does not belong to berth:tlsCertificate"]);
    const wrong = certificateProblems(
      shown({ key: "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----" }),
    );
    assert.equal(wrong[0]!.got, "no key that can be read");
    assert.ok(!JSON.stringify(wrong).includes("hunter2"));
  });
  it("refuses a chain in another order, and what is no certificate", () => {
    const certificate = read("own.pem") + read("own.pem");
    assert.deepEqual(found({ certificate }), ["berth:tlsCertificate: a chain that is not in order"]);
    for (const none of ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
      assert.deepEqual(found({ certificate: none }), ["berth:tlsCertificate: no certificate that can be read"]);
  });
  it("warns of a chain that ends before a root that everybody knows", () => {
    const [notice] = certificateNotices(shown({ certificate: read("own.pem") }));
    assert.match(notice!.got, /its chain ends with what CN=Some Authority issued/);
  });

  it("takes authorities of a company, and refuses what is none, or has ended", () => {
    const said = (text: string, n = 0) =>
      authorityProblems(text, "prod", days(n)).map(({ got, fix }) => `${got} | ${fix}`);
    const fix = "pulumi config set berth:caCertificates --stack prod < ca.pem";
    assert.deepEqual(said(read("ca.pem") + read("ca.pem")), []);
    assert.deepEqual(said("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----"), [
      `no certificates that can be read | ${fix}`,
    ]);
    assert.match(said(read("ca.pem"), 31)[0]!, /^CN=Some Authority ended on [\d-]+ \|/);
  });

  describe("whatever makes certificates:", () => {
    /** One that vouches for itself. @param key Options of openssl. */
    const own = (...key: string[]) => {
      const out = ["-keyout", "any.key", "-out", "any.pem", "-days", "9", "-subj", "/CN=any", "-addext"];
      openssl("req", "-x509", ...key, ...out, "subjectAltName=DNS:berth.example.org");
      return { certificate: read("any.pem"), key: read("any.key") };
    };
    const said = (more: Partial<Shown>) => [...certificateProblems(shown(more)), ...certificateNotices(shown(more))];

    it("takes RSA and ECDSA, with its key in any form and either end of lines", () => {
      for (const key of [["rsa:2048"], ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]]) {
        const made = own("-nodes", "-newkey", ...key);
        assert.deepEqual(said(made), []);
        openssl("pkey", "-in", "any.key", "-traditional", "-out", "traditional.key");
        assert.deepEqual(said({ ...made, key: read("traditional.key") }), []);
        const windows = (pem: string) => pem.replaceAll("\n", "\r\n");
        assert.deepEqual(said({ certificate: windows(made.certificate), key: windows(made.key) }), []);
      }
    });
    it("refuses a key with a passphrase by that name, in either form, with the command that takes it off", () => {
      own("-nodes", "-newkey", "rsa:2048");
      for (const form of [[], ["-traditional"]]) {
        openssl("pkey", "-in", "any.key", "-aes256", "-passout", "pass:hunter2", ...form, "-out", "locked.key");
        const [problem] = certificateProblems(shown({ certificate: read("any.pem"), key: read("locked.key") }));
        assert.equal(problem!.got, "a key with a passphrase, which the edge has not");
        assert.equal(
          problem!.fix,
          "openssl pkey -in privkey.pem | pulumi config set --secret berth:tlsKey --stack prod",
        );
      }
    });
    it("refuses a key that OpenSSL refuses, and warns of one that browsers do", () => {
      assert.match(said(own("-nodes", "-newkey", "rsa:1024"))[0]!.got, /^a key of 1024 bits$/);
      const [notice, ...more] = said(own("-nodes", "-newkey", "ed25519"));
      assert.deepEqual([notice!.got, more], ["a key of ed25519, which no browser takes", []]);
    });
  });
});
