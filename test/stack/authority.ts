/** Certificates for tests. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, getCACertificates, setDefaultCACertificates } from "node:tls";
import { command, good } from "./command.ts";

export interface Pair {
  readonly key: string;
  readonly certificate: string;
}
const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"] as const;

/** An authority that this process trusts while it is open, and certificates that it signs. */
export class Authority {
  #dir = "";
  #trusted: readonly string[] = [];

  #read(file: string): string {
    return readFileSync(join(this.#dir, file), "utf8");
  }
  async #openssl(...args: string[]): Promise<void> {
    await good(command("openssl", args, { cwd: this.#dir }));
  }
  get certificate(): string {
    return this.#read("ca.crt");
  }
  /** Path of the file that holds it. */
  get file(): string {
    return join(this.#dir, "ca.crt");
  }
  async open(): Promise<void> {
    this.#dir = mkdtempSync(join(tmpdir(), "berth-ca-"));
    const files = ["-days", "60", "-subj", "/CN=berth test authority", "-keyout", "ca.key", "-out", "ca.crt"];
    await this.#openssl("req", "-x509", ...KEY, ...files);
    this.#trusted = getCACertificates("default");
    setDefaultCACertificates([...this.#trusted, this.certificate]);
  }
  /** @param name Common name. @param days How long the certificate holds. */
  async issue(name: string, days = 2): Promise<Pair> {
    const [key, request, certificate] = [`${name}.key`, `${name}.csr`, `${name}.crt`];
    writeFileSync(join(this.#dir, "ext"), "subjectAltName=IP:127.0.0.1\n");
    await this.#openssl("req", ...KEY, "-subj", `/CN=${name}`, "-keyout", key, "-out", request);
    const signer = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "ext"];
    await this.#openssl("x509", "-req", "-in", request, ...signer, "-days", String(days), "-out", certificate);
    return { key: this.#read(key), certificate: this.#read(certificate) };
  }
  /** Common name of the certificate that a server shows. */
  shown(url: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const { hostname: host, port } = new URL(url);
      const socket = connect({ host, port: Number(port), ca: this.certificate }, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.end();
      });
      socket.once("error", reject);
    });
  }
  close(): void {
    if (this.#dir === "") return;
    setDefaultCACertificates([...this.#trusted]);
    rmSync(this.#dir, { recursive: true });
  }
}
