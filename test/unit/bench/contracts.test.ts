/** How contracts are read and held: that what differs is found. test/contracts holds images to them. */
import assert from "node:assert/strict";
import type { Contract } from "../../../bench/contracts.ts";
import { contracts } from "../../../bench/contracts.ts";
import type { Entry } from "../../../scan/export.ts";
import { type Config, differences, type Found } from "../../contracts/compare.ts";
import { programsIn, programsOf } from "../../contracts/shell.ts";

const entry = (path: string, more: Partial<Entry> = {}): Entry => ({
  path,
  kind: "File",
  mode: 0o755,
  size: 1,
  uid: 0,
  gid: 0,
  ...more,
});
const folder = (path: string, mode = 0o755, owner = 0): Entry =>
  entry(path, { kind: "Directory", mode, uid: owner, gid: owner });
const CONFIG: Config = {
  User: "app",
  Env: ["PATH=/bin", "HOME=/home/app", "OPTIONS=a=b"],
  Entrypoint: ["/bin/serve"],
  Cmd: null,
  WorkingDir: "",
  ExposedPorts: { "80/tcp": {} },
  Volumes: { "/data": {} },
};
const FOUND: Found = {
  config: CONFIG,
  passwd: "root:x:0:0::/root:/bin/sh\napp:x:7:8::/home/app:/bin/sh\n",
  group: "root:x:0:\napp:x:8:\n",
  entries: [
    entry("bin", { kind: "SymbolicLink", link: "usr/bin" }),
    folder("usr/bin"),
    entry("usr/bin/busybox"),
    entry("usr/bin/sh", { kind: "SymbolicLink", link: "/bin/busybox" }),
    entry("usr/bin/wget", { kind: "Link", link: "usr/bin/busybox" }),
    entry("usr/bin/serve"),
    folder("data", 0o1777, 7),
    entry("data/old", { kind: "SymbolicLink", link: "../new" }),
  ],
};
const CONTRACT: Contract = {
  image: "a:1",
  folder: "a",
  name: "contract",
  user: [7, 8],
  users: { app: 7 },
  entrypoint: ["/bin/serve"],
  environment: { OPTIONS: "a=b" },
  ports: ["80/tcp"],
  volumes: ["/data"],
  stop: "SIGTERM",
  folders: { "/data": { uid: 7, gid: 7, mode: "1777", holds: ["old -> ../new"] } },
  shell: "busybox",
  libc: "none",
  programs: { busybox: ["sh", "wget"], a: ["/bin/serve"] },
  bench: {},
  sources: {},
  said: [],
  main: true,
};
const differs = (contract: Partial<Contract>, found: Partial<Found> = {}): string[] => [
  ...differences({ ...CONTRACT, ...contract }, { ...FOUND, ...found }).keys(),
];

describe("contracts", () => {
  it("an image that is as it is said to be differs in nothing", () => assert.deepEqual(differs({}), []));
  it("whatever differs is found, and nothing else", () => {
    assert.deepEqual(differs({ user: [7, 7] }), ["user"]);
    assert.deepEqual(differs({ users: { app: 7, backup: 34 } }), ["users.backup"]);
    assert.deepEqual(differs({ entrypoint: ["sh"] }), ["entrypoint"]);
    assert.deepEqual(differs({ command: ["serve"] }), ["command"]);
    assert.deepEqual(differs({ workdir: "/data" }), ["workdir"]);
    assert.deepEqual(differs({ ports: [] }), ["ports"]);
    assert.deepEqual(differs({ volumes: [] }), ["volumes"]);
    assert.deepEqual(differs({ stop: "SIGINT" }), ["stop"]);
    assert.deepEqual(differs({ environment: { OPTIONS: "a", MORE: "b" } }), [
      "environment.OPTIONS",
      "environment.MORE",
    ]);
    assert.deepEqual(differs({ shell: "none" }), ["shell"]);
    assert.deepEqual(differs({ shell: "dash" }), ["shell"]);
    assert.deepEqual(differs({ libc: "glibc" }), ["libc"]);
    assert.deepEqual(differs({ programs: { a: ["wget", "curl"] } }), ["programs.curl"]);
    const [path, data] = ["/data", CONTRACT.folders["/data"]!];
    assert.deepEqual(differs({ folders: { [path]: { ...data, mode: "0755" } } }), ["folders./data"]);
    assert.deepEqual(differs({ folders: { [path]: { ...data, uid: 0 } } }), ["folders./data"]);
    assert.deepEqual(differs({ folders: { [path]: { ...data, holds: [] } } }), ["holds./data"]);
    assert.deepEqual(differs({ folders: { "/none": data } }), ["folders./none"]);
  });
  it("a file where berth mounts its own is found", () => {
    const entries = [...FOUND.entries, folder("etc/berth"), entry("etc/berth/file")];
    assert.deepEqual(differs({}, { entries }), ["holds./etc/berth"]);
  });
  it("a program that nobody may run is none, nor is a link to nothing", () => {
    const entries = FOUND.entries.map((one) => (one.path === "usr/bin/busybox" ? { ...one, mode: 0o644 } : one));
    assert.deepEqual(differs({}, { entries }), ["programs.sh", "programs.wget"]);
    const without = FOUND.entries.filter(({ path }) => path !== "usr/bin/busybox");
    assert.deepEqual(differs({}, { entries: without }), ["shell", "programs.sh", "programs.wget"]);
  });
  it("an image has the programs, users and variables of what it is built on; its folders are its own", () => {
    const all = new Map(contracts().map((contract) => [contract.image, contract]));
    const [own, base] = [all.get("pgvector/pgvector:pg18-trixie")!, all.get("debian:trixie-slim")!];
    assert.deepEqual(own.programs["coreutils"], base.programs["coreutils"]);
    assert.deepEqual([own.users["nobody"], own.users["postgres"], own.environment["LANG"]], [65534, 999, "en_US.utf8"]);
    assert.deepEqual(Object.keys(own.folders).includes("/var/lib/postgresql/data"), false);
    assert.deepEqual([own.main, base.main], [false, true]);
  });
});

describe("programs of scripts", () => {
  const of = (script: string): string[] => [...programsIn(script)].sort();
  it("are found wherever a command may stand", () => {
    assert.deepEqual(of("a; b && c || d | e &\nf"), ["a", "b", "c", "d", "e", "f"]);
    assert.deepEqual(of('x=$(a "$(b)" `c`) y="${z:-$(d)}" e'), ["a", "b", "d", "e"]);
    assert.deepEqual(of("if a; then b; elif ! c; then d; else e; fi"), ["a", "b", "c", "d", "e"]);
    assert.deepEqual(of("while a; do b; done < <(c) > file"), ["a", "b", "c"]);
    assert.deepEqual(of("case $x in a|b) c;; *) d | e;; esac; f"), ["c", "d", "e", "f"]);
    assert.deepEqual(of("a | xargs -r b -c; timeout 2 d e; exec f g"), ["a", "b", "d", "f", "timeout", "xargs"]);
    assert.deepEqual(of("{ a; (b) } 2>/dev/null; [[ $(c) == d ]] && e"), ["a", "b", "c", "e"]);
  });
  it("are neither builtins nor functions nor words of others", () => {
    assert.deepEqual(of("f() { a; }; f; cd b; echo c # d\n[ -e g ] && x=(h i)"), ["a"]);
    assert.deepEqual(of('f() { local b=("$x"/* h) c=(i $(a)); }; readonly d=(j)'), ["a"]);
    assert.deepEqual(of("a <<EOF\nb $c\nEOF\nd 'e; f' \"g; h\""), ["a", "d"]);
    assert.deepEqual(of("n=$((a + b)); (( n > 1 )) || c"), ["c"]);
  });
  it("of words are the first, and those of a shell's line", () => {
    assert.deepEqual([...programsOf(["wget", "-q", "x"])], ["wget"]);
    assert.deepEqual([...programsOf(["sh", "-c", "a | b"])], ["sh", "a", "b"]);
  });
});
