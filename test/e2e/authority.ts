/** Certificates for tests. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { good } from "./serving.ts";
import { command } from "./support.ts";

/** An authority, and certificates that it signs, so that a client trusts the one before and the one after. */
export class Authority {
  readonly #dir = mkdtempSync(join(tmpdir(), "berth-ca-"));
  readonly #read = (file: string): string => readFileSync(join(this.#dir, file), "utf8");
  async #openssl(...args: string[]): Promise<void> {
    await good(command("openssl", args, { cwd: this.#dir }));
  }
  get certificate(): string {
    return this.#read("ca.crt");
  }
  async open(): Promise<this> {
    await this.#openssl(
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "60",
      "-subj",
      "/CN=berth test authority",
      "-keyout",
      "ca.key",
      "-out",
      "ca.crt",
    );
    return this;
  }
  /** @param days How long the certificate holds. */
  async issue(name: string, days = 2): Promise<{ key: string; certificate: string }> {
    writeFileSync(join(this.#dir, "ext"), "subjectAltName=IP:127.0.0.1\n");
    await this.#openssl(
      "req",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.csr`,
    );
    await this.#openssl(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      "-CA",
      "ca.crt",
      "-CAkey",
      "ca.key",
      "-CAcreateserial",
      "-days",
      String(days),
      "-extfile",
      "ext",
      "-out",
      `${name}.crt`,
    );
    return { key: this.#read(`${name}.key`), certificate: this.#read(`${name}.crt`) };
  }
  close(): void {
    rmSync(this.#dir, { recursive: true });
  }
}
