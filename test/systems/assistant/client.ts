/** A user of the assistant. */
import { createHmac, randomBytes, randomUUID } from "node:crypto";
import type { Answer } from "../driver.ts";
import { User } from "../user.ts";

/**
 * Twilio's credentials as no real account has them. The token is made here: in a source it would be found where
 * secrets are looked for.
 */
export const SMS = {
  token: `e2e-${randomBytes(16).toString("hex")}`,
  numbers: { "+15550000001": "ann@example.org", "+15550000002": "ben@example.org" },
} as const;

/** Of every user. */
export const PASSWORD = "correct horse battery staple";

export class Client extends User {
  /** Registers and logs in. */
  async enter(email: string): Promise<this> {
    const credentials = { email, password: PASSWORD };
    await this.post("/v1/auth/register", credentials);
    const { status, body } = await this.post("/v1/auth/login", credentials);
    if (status !== 200) throw new Error(`login of ${email}: ${status} ${JSON.stringify(body)}`);
    this.token = (body as { access_token: string }).access_token;
    return this;
  }

  /** A webhook as Twilio sends it. */
  async sms(
    from: string,
    text: string,
    options: { signature?: string; token?: string; sid?: string } = {},
  ): Promise<Answer> {
    const form: Record<string, string> = {
      From: from,
      To: "+15559999999",
      Body: text,
      MessageSid: options.sid ?? `SM${randomUUID().replaceAll("-", "")}`,
    };
    const fields = Object.keys(form).sort();
    const signed = `${this.url}/sms${fields.map((key) => key + form[key]!).join("")}`;
    const signature =
      options.signature ??
      createHmac("sha1", options.token ?? SMS.token)
        .update(signed)
        .digest("base64");
    const response = await fetch(`${this.url}/sms`, {
      method: "POST",
      body: new URLSearchParams(form),
      headers: { "x-twilio-signature": signature },
    });
    return { status: response.status, body: await response.text(), headers: response.headers };
  }
}
