import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { create } from "tar";
import { parse } from "../../../scan/export.ts";
import { inventoryOf, isWanted } from "../../../scan/packages.ts";
import { billOf, purl } from "../../../scan/sbom.ts";
import type { Inventory } from "../../../scan/types.ts";

const STATUS = `Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc (2.36-9)
Version: 2.36-9+b1
Description: library
 Version: 9.9 in a description counts for nothing

Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2.15-2

Package: removed
Status: deinstall ok config-files
Version: 1.0

Package: libcurl4
Status: install ok installed
Architecture: amd64
Source: curl
Version: 7.88.1-10
`;
const PYTHON = "Metadata-Version: 2.1\nName: Ruamel.YAML_clib\nVersion: 0.2.8\n\nName: not this\n";
const FILES = {
  "var/lib/dpkg/status": STATUS,
  "var/lib/dpkg/status.d/tzdata": "Package: tzdata\nVersion: 2024a-0\nArchitecture: all\n",
  "var/lib/dpkg/status.d/tzdata.md5sums": "0 file",
  "usr/lib/os-release": 'PRETTY_NAME="Debian"\nID=debian\nVERSION_ID="12"\n',
  "opt/venv/lib/python3.11/site-packages/ruamel.yaml.clib-0.2.8.dist-info/METADATA": PYTHON,
  "usr/lib/python3/dist-packages/six-1.16.0.egg-info": "Name: six\nVersion: 1.16.0\n",
  "usr/local/lib/old-1.0.egg-info/PKG-INFO": "Name: old\nVersion: 1.0\n",
  "app/node_modules/@scope/one/package.json": '{"name":"@scope/one","version":"1.2.3"}',
  "app/node_modules/two/package.json": '{"name":"two","version":"2.0.0"}',
  "app/node_modules/two/lib/package.json": '{"type":"module"}',
  "app/node_modules/broken/package.json": "{",
  "app/package.json": '{"name":"app","version":"0.0.1"}',
};
const inventory = (files: Record<string, string>): Inventory =>
  inventoryOf(
    new Map(Object.entries(files).filter(([path]) => isWanted(path))),
    Object.keys(files).map((path) => ({ path })),
  );
const named = ({ packages }: Inventory) =>
  packages.map(({ ecosystem, name, version }) => `${ecosystem} ${name} ${version}`);
const ALL = [
  "Debian bash 5.2.15-2",
  "Debian libc6 2.36-9+b1",
  "Debian libcurl4 7.88.1-10",
  "Debian tzdata 2024a-0",
  "PyPI old 1.0",
  "PyPI ruamel-yaml-clib 0.2.8",
  "npm @scope/one 1.2.3",
  "npm two 2.0.0",
];

describe("scan/packages", () => {
  it("lists what is installed: Debian's, Python's and npm's, and not what Debian's packages bring of the others", () =>
    assert.deepEqual(named(inventory(FILES)), ALL));
  it("knows of Debian's packages what they were built from, which has a version of its own", () => {
    const sources = Object.fromEntries(
      inventory(FILES)
        .packages.filter(({ ecosystem }) => ecosystem === "Debian")
        .map(({ name, source }) => [name, `${source!.name} ${source!.version}`]),
    );
    assert.deepEqual(sources, {
      bash: "bash 5.2.15-2",
      libc6: "glibc 2.36-9",
      libcurl4: "curl 7.88.1-10",
      tzdata: "tzdata 2024a-0",
    });
  });
  it("knows Debian's release by number, and no other system's", () => {
    const release = (text: string) => inventory({ "usr/lib/os-release": text }).release;
    assert.equal(inventory(FILES).release, "12");
    assert.equal(release("ID=debian\nVERSION_CODENAME=forky\n"), undefined);
    assert.equal(release('ID=ubuntu\nVERSION_ID="24.04"\n'), undefined);
  });
  it("says what it cannot read, rather than that there is nothing", () => {
    assert.deepEqual(inventory({ "lib/apk/db/installed": "P:musl" }).unread, ["Alpine packages"]);
    assert.deepEqual(inventory({ "usr/lib/sysimage/rpm/rpmdb.sqlite": "" }).unread, ["RPM packages"]);
    assert.deepEqual(inventory({ ...FILES, "opt/app.jar": "" }).unread, ["Java archives"]);
    assert.deepEqual(inventory({ "bin/prometheus": "" }).unread, [
      "whatever it holds, because no list of packages is in it",
    ]);
    assert.deepEqual(
      inventory({ ...FILES, "usr/share/java/libintl.jar": "" }).unread,
      [],
      "Debian's is listed as Debian's",
    );
  });

  describe("out of an archive", () => {
    const folder = mkdtempSync(join(tmpdir(), "berth-scan-"));
    const deep = `${"long".repeat(40)}/${"folder".repeat(20)}/node_modules/three/package.json`;
    before(() => {
      for (const [path, text] of Object.entries({
        ...FILES,
        [deep]: '{"name":"three","version":"3.0.0"}',
        large: "x".repeat(300_000),
      })) {
        mkdirSync(join(folder, dirname(path)), { recursive: true });
        writeFileSync(join(folder, path), text);
      }
    });
    after(() => rmSync(folder, { recursive: true }));
    const archive = (): Buffer => create({ cwd: folder, sync: true }, ["."]).read()!;

    it("as docker export writes it, long names included; only what is wanted is kept", async () => {
      const { entries, files } = await parse(Readable.from([archive()]), isWanted);
      assert.deepEqual(named(inventoryOf(files, entries)), [...ALL.slice(0, -1), "npm three 3.0.0", ALL.at(-1)]);
      assert.equal(files.has("large"), false);
      assert.equal(entries.find(({ path }) => path === "large")!.size, 300_000);
    });
    it("as it is built by Go, says that its modules are not read, wherever the mark lies", async () => {
      for (const before of [0, 1, 65_530, 131_071]) {
        writeFileSync(
          join(folder, "program"),
          Buffer.concat([Buffer.alloc(before), Buffer.from("\u00ff Go buildinf:", "latin1"), Buffer.alloc(100)]),
          { mode: 0o755 },
        );
        const whole = archive();
        const chunks = Array.from({ length: Math.ceil(whole.length / 1000) }, (_, at) =>
          whole.subarray(at * 1000, (at + 1) * 1000),
        );
        const { entries, files } = await parse(Readable.from(chunks), isWanted);
        assert.deepEqual(inventoryOf(files, entries).unread, ["the modules of Go programs (/program)"]);
      }
      rmSync(join(folder, "program"));
    });
    it("that is cut off is refused: half a list would look like a whole one", async () => {
      await assert.rejects(parse(Readable.from([archive().subarray(0, 100_000)]), isWanted));
    });
  });
});

describe("scan/sbom", () => {
  it("names every package as others do", () => {
    const urls = inventory(FILES).packages.map((one) => purl(one, "12"));
    assert.deepEqual(urls.slice(0, 2), [
      "pkg:deb/debian/bash@5.2.15-2?arch=amd64&distro=debian-12",
      "pkg:deb/debian/libc6@2.36-9%2Bb1?arch=amd64&distro=debian-12",
    ]);
    assert.deepEqual(urls.slice(-2), ["pkg:npm/%40scope/one@1.2.3", "pkg:npm/two@2.0.0"]);
    assert.equal(
      purl({ ecosystem: "Debian", name: "libstdc++6", version: "1:12.2~0-14" }),
      "pkg:deb/debian/libstdc%2B%2B6@1:12.2~0-14",
    );
  });
  it("is the same for the same image, and has what CycloneDX asks for", () => {
    const bill = billOf("edge", "sha256:0", inventory(FILES)) as {
      bomFormat: string;
      specVersion: string;
      components: { "bom-ref": string; purl: string }[];
    };
    assert.deepEqual(bill, billOf("edge", "sha256:0", inventory(FILES)));
    assert.deepEqual([bill.bomFormat, bill.specVersion, bill.components.length], ["CycloneDX", "1.6", ALL.length]);
    assert.equal(new Set(bill.components.map((component) => component["bom-ref"])).size, ALL.length);
  });
});
