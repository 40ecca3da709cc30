/** Promise 11, what the gate does not wait for: damage of other kinds, other keys, another place. */
import assert from "node:assert/strict";
import { inAll } from "../length.ts";
import { named } from "../stack/engine.ts";
import { command, docker, eventually, good } from "../stack/command.ts";
import type { World } from "../stack/world.ts";
import { type Backups, fails } from "../stores/backups.ts";
import type { Drill } from "../stores/store.ts";

const S3 = "berth-e2e-backup-s3";
const S3_IMAGE = "localhost/berth-test/s3";
const S3_BUILD = `FROM python:3.11-slim
RUN pip install --no-cache-dir 'moto[server]'
CMD ["moto_server", "-H", "0.0.0.0", "-p", "9000"]
`;
const BUCKET = "berth-backups";
/** Nobody checks who asks. */
const MAKE_BUCKET = `import boto3
boto3.client(
    "s3", endpoint_url="http://127.0.0.1:9000", region_name="us-east-1",
    aws_access_key_id="nobody", aws_secret_access_key="nobody",
).create_bucket(Bucket="${BUCKET}")`;
/** Turns one bit of a file. */
const FLIP =
  "import sys; f = open(sys.argv[1], 'r+b'); f.seek(50000); b = f.read(1); f.seek(50000); f.write(bytes([b[0] ^ 1]))";

export function backupsAtLength({ stack, canary }: World, store: Backups, drill: Drill): void {
  const { project } = stack;
  const up = async (): Promise<void> => {
    await good(project.up());
  };

  inAll("promise 11: one that is bit-flipped before its verification never counts, and is told", async () => {
    await store.refusesAfter(`python3 -c "${FLIP}" /backups/$id/database.dump.bin`);
    await store.make();
    await store.silent("BackupUnverified");
  });

  inAll(
    "promise 11: one that is damaged after its verification is found, told, not restored, and not counted",
    async () => {
      const [newest] = await store.verified();
      const path = `/backups/${newest}/database.dump.bin`;
      await good(store.inside(`cp ${path} /tmp/kept && truncate -s -1000 ${path}`));
      await fails(store.inside(`backup check ${newest}`), /error: backup: check/);
      await store.told("BackupUnreadable");
      assert.ok(!(await store.verified()).includes(newest!));
      await fails(store.restore(newest!, "--yes"), /cannot be restored/);
      await good(store.inside(`cp /tmp/kept ${path} && rm /tmp/kept && backup check ${newest}`));
      await store.make();
      await store.silent("BackupUnreadable");
    },
  );

  inAll(
    "promise 11: with another key what the former one encrypted is not restored, which is told, and it stays",
    async () => {
      // As a stack begins that names no key.
      await project.configured({ "berth:backupKey": undefined }, async () => {
        await up();
        const generated = await store.make();
        // The generated key goes on decrypting beside one that the stack file names; that one does not beside the next.
        await project.setSecret("backupKey", "a key that the stack file names");
        await up();
        const own = await store.make();
        assert.ok((await store.verified()).includes(generated));
        await project.setSecret("backupKey", "a key that somebody typed wrongly");
        await up();
        await store.told("BackupUnreadable");
        assert.ok(!(await store.verified()).includes(own));
        await fails(store.restore(own, "--yes"), /cannot be decrypted with this key/);
        const made = await store.make();
        assert.ok((await store.verified()).includes(made));
        assert.match((await store.inside(`ls /backups/${own}`)).output, /verified\.json\.bin/);
      });
      await up();
      for (const { id, verified } of await store.list()) if (!verified) await good(store.inside(`backup remove ${id}`));
      await store.make();
      await store.silent("BackupUnreadable");
    },
  );

  inAll("promise 11: a bucket: backed up into, restored from; one that does not answer is told", async () => {
    const build = { input: S3_BUILD, env: { DOCKER_BUILDKIT: "0" } };
    await good(command("docker", ["build", "-t", S3_IMAGE, "-"], build));
    const s3 = { bucket: BUCKET, endpoint: `http://${S3}:9000`, region: "us-east-1" };
    const keys = { "berth:backupS3AccessKey": undefined, "berth:backupS3SecretKey": undefined };
    try {
      await project.configured({ "berth:backup": { every: "30d", keep: 3, s3 }, ...keys }, async () => {
        await project.setSecrets({
          backupS3AccessKey: canary.value("backupS3AccessKey"),
          backupS3SecretKey: canary.value("backupS3SecretKey"),
        });
        await up();
        await usesBucket();
      });
    } finally {
      // It holds the network.
      await command("docker", ["rm", "-f", S3]);
      await command("docker", ["image", "rm", S3_IMAGE]);
    }
    await up();
    await store.make();
    await store.silent("BackupUnverified");
  });

  async function usesBucket(): Promise<void> {
    const network = await named(project, "network", "egress");
    await docker("run", "-d", "--name", S3, "--network", network, S3_IMAGE);
    await eventually(() => docker("exec", S3, "python", "-c", MAKE_BUCKET), 60);
    const id = await store.make();
    await docker("network", "disconnect", network, S3);
    await fails(project.script("backup", project.stack), /error: backup: list/);
    await store.told("BackupUnverified");
    await docker("network", "connect", "--alias", S3, network, S3);
    assert.deepEqual(await store.verified(), [id]);
    await drill.write(10);
    await good(store.restore(id, "--discard-newer", "--yes"));
    await store.make();
    await store.silent("BackupUnverified");
  }
}
