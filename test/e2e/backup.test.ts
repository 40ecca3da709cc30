/** Backups are proven by restore; whatever is damaged is seen, told, and leaves the last good one alone (operations.md 11). */
import assert from "node:assert/strict";
import { FULL, named } from "./engine.ts";
import { Prometheus } from "./prometheus.ts";
import { good, Serving } from "./serving.ts";
import { command, docker, eventually, type Result, sleep } from "./support.ts";

const STACK = "e2e-backup";
const OFFSET = 16000;
const BACKUP = `assistant-${STACK}-backup`;
const DATA = `assistant-${STACK}-postgres-data`;
const STORE = `assistant-${STACK}-backup-data`;
/** Holds the small disk of the backups, which is in memory, while the service is replaced. */
const KEEPER = "berth-e2e-backup-keeper";
const S3 = "berth-e2e-backup-s3";
const S3_IMAGE = "localhost/berth-test/s3";
const MB = 1e6;

interface Listed {
  readonly id: string;
  readonly verified: boolean;
  readonly problem: string;
  readonly rows?: number;
  readonly time?: string;
}

describe("backups", function () {
  this.timeout(900_000);
  const serving = new Serving({
    stack: STACK,
    portOffset: OFFSET,
    config: { "berth:backup": { every: "30d", keep: 3 }, "berth:settle": 0 },
  });
  const { project } = serving;
  const prometheus = new Prometheus(`http://127.0.0.1:${9090 + OFFSET}`);

  const inside = (line: string): Promise<Result> => command("docker", ["exec", BACKUP, "sh", "-c", line]);
  const list = async (): Promise<Listed[]> =>
    JSON.parse(await docker("exec", BACKUP, "backup", "list", "--json")) as Listed[];
  const verified = async (): Promise<string[]> => (await list()).filter((one) => one.verified).map(({ id }) => id);
  const restore = (...args: string[]): Promise<Result> => project.script("restore", STACK, ...args);
  async function fails(result: Promise<Result>, words: RegExp): Promise<void> {
    const { code, output } = await result;
    assert.notEqual(code, 0, output);
    assert.match(output, words);
  }
  const told = (name: string) =>
    eventually(async () => assert.ok((await prometheus.firing()).includes(name), `${name} is not told`), 90);
  const silent = (name: string) =>
    eventually(async () => assert.ok(!(await prometheus.firing()).includes(name), `${name} is still told`), 90);

  /** A run that must fail: it says why, Prometheus tells, the good ones stay, and the next run needs nothing but the cause mended. */
  async function failedRun(words: RegExp): Promise<void> {
    const before = await verified();
    await fails(project.script("backup", STACK), words);
    await told("BackupUnverified");
    assert.deepEqual(await verified(), before);
  }
  async function goodRun(): Promise<string> {
    const { code, output } = await project.script("backup", STACK);
    assert.equal(code, 0, output);
    return /^\d{8}T\d{6}Z$/m.exec(output)![0];
  }

  /** Rows that carry a checksum of their own. */
  const write = (rows: number) =>
    serving.query(
      `SET ROLE app_owner; INSERT INTO drill (body, sum) SELECT body, md5(body) FROM (SELECT string_agg(md5(random()::text), '') AS body FROM generate_series(1, ${rows}) n, generate_series(1, 30) part GROUP BY n) AS made;`,
    );
  /** Rows up to an id, those among them whose checksum is wrong, and rows after it. */
  const drill = async (last: string): Promise<number[]> =>
    (
      await serving.query(
        `SELECT count(*) FILTER (WHERE id <= ${last}), count(*) FILTER (WHERE sum <> md5(body)), count(*) FILTER (WHERE id > ${last}) FROM drill;`,
      )
    )
      .split("|")
      .map(Number);

  before(async () => {
    await docker(
      "volume",
      "create",
      "--label",
      `berth.stack=${STACK}`,
      "--label",
      "berth.keep=data",
      "--opt",
      "type=tmpfs",
      "--opt",
      "device=tmpfs",
      "--opt",
      "o=size=160m,uid=34,gid=0,mode=0770",
      STORE,
    );
    await docker(
      "run",
      "-d",
      "--name",
      KEEPER,
      "--network",
      "none",
      "--volume",
      `${STORE}:/v`,
      "redis:8.0",
      "sleep",
      "infinity",
    );
    await serving.start();
    await serving.query(
      "SET ROLE app_owner; CREATE TABLE drill (id bigserial PRIMARY KEY, body text NOT NULL, sum text NOT NULL, created_at timestamptz NOT NULL DEFAULT clock_timestamp());",
    );
    await write(20_000);
    // The first run came with the stack; it has seen no rows yet.
    await eventually(async () => assert.equal((await verified()).length, 1), 120);
  });
  after(async () => {
    await command("docker", ["rm", "-f", KEEPER, S3]);
    await project.remove();
    await command("docker", ["image", "rm", S3_IMAGE]);
  });

  let first: string;
  it("the drill: written under load, backed up, the volume deleted, restored: all that was committed before is there, and whole", async () => {
    let last = "";
    let acknowledged = 0;
    const report = await serving.underLoad(
      async () => {
        await write(2000);
        const [ids, events] = (
          await serving.query("SELECT (SELECT max(id) FROM drill), (SELECT count(*) FROM events);")
        ).split("|");
        [last, acknowledged] = [ids!, Number(events)];
        const [id] = await Promise.all([
          goodRun(),
          (async () => {
            for (let i = 0; i < 5; i++) {
              await sleep(500);
              await write(100);
            }
          })(),
        ]);
        first = id;
        // The negative control: what comes after the backup must be missed.
        await write(50);
      },
      { slow: 2, share: 0.3 },
    );
    await serving.assertLossless(report);
    const bytes = Number(
      await serving.query(`SELECT pg_database_size('${String(project.config["berth:database"])}');`),
    );
    const [before, , after] = await drill(last);
    assert.ok(before! >= 22_000 && after! >= 550, `${before} ${after}`);
    await good(project.script("down", STACK));
    await docker("volume", "rm", DATA);
    await good(project.script("up", STACK));
    assert.equal(
      await serving.query("SELECT to_regclass('drill') IS NULL;"),
      "t",
      "the data is still there: the test deletes nothing",
    );

    const began = Date.now();
    await good(restore(first, "--redis", "--yes"));
    const seconds = (Date.now() - began) / 1000;
    const [there, wrong, later] = await drill(last);
    assert.deepEqual([there, wrong], [before, 0], "rows before the backup, checksum errors");
    assert.ok(
      later! < after!,
      `nothing was lost of ${after} rows written during and after the backup: the control saw no loss`,
    );
    assert.ok(Number(await serving.query("SELECT count(*) FROM events;")) >= acknowledged);
    await eventually(() => serving.client.enter("load@example.org"));
    console.log(
      `      ${(bytes / MB).toFixed(0)} MB restored and compared in ${seconds.toFixed(1)} s: ${(seconds / (bytes / 1e9)).toFixed(0)} s per GB; ${there} of ${before} rows, ${wrong} checksum errors, ${after! - later!} later rows missed`,
    );
    const { code, output } = await project.pulumi("preview", "--stack", STACK, "--expect-no-changes");
    assert.equal(code, 0, output);
  });

  it("a restore does not overwrite newer data, unless it is told to, and keeps what it replaced", async () => {
    await write(10);
    const now = await serving.query("SELECT count(*) FROM drill;");
    await fails(restore(first, "--yes"), /has newer data than backup/);
    await fails(restore("20200101T000000Z", "--yes"), /there is no backup/);
    await fails(restore("2020-01-01", "--yes"), /no verified backup of 2020-01-01/);
    await fails(restore(first, "--discard-newer"), /nothing was changed \(without a terminal/);
    assert.equal(await serving.query("SELECT count(*) FROM drill;"), now);
    await good(restore(first, "--discard-newer", "--yes"));
    assert.equal(Number(now) - Number(await serving.query("SELECT count(*) FROM drill;")), 10);
    const database = String(project.config["berth:database"]);
    assert.equal(
      await docker(
        "exec",
        `assistant-${STACK}-postgres`,
        "psql",
        "-qAtX",
        "-U",
        "postgres",
        "-d",
        `${database}_former`,
        "-c",
        "SELECT count(*) FROM drill",
      ),
      now,
    );
    await eventually(async () => assert.equal((await serving.client.get("/v1/tasks")).status, 200));
  });

  for (const [what, damage] of [
    ["truncated", "truncate -s -1000 /backups/$id/database.dump.bin"],
    [
      "bit-flipped",
      "python3 -c \"import sys; f = open(sys.argv[1], 'r+b'); f.seek(50000); b = f.read(1); f.seek(50000); f.write(bytes([b[0] ^ 1]))\" /backups/$id/database.dump.bin",
    ],
    ["not damaged (negative control)", "true"],
  ] as const)
    it(`one that is ${what} before its verification`, async () => {
      const before = await verified();
      const { code, output } = await inside(`id=$(backup take) && ${damage} && echo damaged $id && backup verify $id`);
      assert.match(output, /damaged \d{8}T/);
      if (damage === "true") {
        assert.equal(code, 0, output);
        assert.equal((await verified()).length, Math.min(3, before.length + 1));
        await silent("BackupUnverified");
        return;
      }
      assert.notEqual(code, 0, output);
      assert.match(output, /error: backup: (download|compare)/);
      assert.deepEqual(await verified(), before);
      await told("BackupUnverified");
    });

  it("one that is damaged after its verification is found, told, not restored, and not counted", async () => {
    const [newest] = await verified();
    const path = `/backups/${newest}/database.dump.bin`;
    await good(inside(`cp ${path} /tmp/kept && truncate -s -1000 ${path}`));
    await fails(inside(`backup check ${newest}`), /error: backup: check/);
    await told("BackupUnreadable");
    assert.ok(!(await verified()).includes(newest!));
    await fails(restore(newest!, "--yes"), /cannot be restored/);
    await good(inside(`cp /tmp/kept ${path} && rm /tmp/kept && backup check ${newest}`));
    await good(project.script("backup", STACK));
    await silent("BackupUnreadable");
  });

  it("a full disk", async () => {
    await inside("dd if=/dev/zero of=/backups/full bs=1M");
    await failedRun(/space/);
    await good(inside("rm /backups/full"));
    await goodRun();
    await silent("BackupUnverified");
  });

  // CI makes do with the volume and the first key.
  if (FULL)
    it("another key", async () => {
      const old = await verified();
      // The generated key goes on decrypting beside one that the stack file names, but that one does not beside the next.
      await project.setSecret("backupKey", "a key that the stack file names");
      await good(project.up());
      const own = await goodRun();
      assert.ok((await verified()).includes(old[0]!));
      await project.setSecret("backupKey", "a key that somebody typed wrongly");
      await good(project.up());
      await told("BackupUnreadable");
      assert.ok(!(await verified()).includes(own));
      await fails(restore(own, "--yes"), /cannot be decrypted with this key/);
      const made = await goodRun();
      assert.ok((await verified()).includes(made));
      assert.match((await inside(`ls /backups/${own}`)).output, /verified\.json\.bin/);
    });

  if (FULL)
    it("a bucket: backed up into, restored from; one that does not answer is told", async () => {
      const built = await command("docker", ["build", "-t", S3_IMAGE, "-"], {
        input:
          'FROM python:3.11-slim\nRUN pip install --no-cache-dir \'moto[server]\'\nCMD ["moto_server", "-H", "0.0.0.0", "-p", "9000"]\n',
        env: { DOCKER_BUILDKIT: "0" },
      });
      assert.equal(built.code, 0, built.output);
      await project.setSecret("backupS3AccessKey", "access-of-nobody");
      await project.setSecret("backupS3SecretKey", "secret-of-nobody-0123456789");
      project.configure({
        "berth:backup": {
          every: "30d",
          keep: 3,
          s3: { bucket: "berth-backups", endpoint: `http://${S3}:9000`, region: "us-east-1" },
        },
      });
      await good(project.up());
      const network = await named(project, "network", "egress");
      await docker("run", "-d", "--name", S3, "--network", network, S3_IMAGE);
      const make =
        "import boto3; boto3.client('s3', endpoint_url='http://127.0.0.1:9000', aws_access_key_id='access-of-nobody', aws_secret_access_key='secret-of-nobody-0123456789', region_name='us-east-1').create_bucket(Bucket='berth-backups')";
      await eventually(() => docker("exec", S3, "python", "-c", make), 60);
      const id = await goodRun();
      await docker("network", "disconnect", network, S3);
      await fails(project.script("backup", STACK), /error: backup: list/);
      await told("BackupUnverified");
      await docker("network", "connect", "--alias", S3, network, S3);
      assert.deepEqual(await verified(), [id]);
      await write(10);
      await good(restore(id, "--discard-newer", "--yes"));
      await goodRun();
      await silent("BackupUnverified");
      // It holds the network.
      await docker("rm", "-f", S3);
    });
});
