import assert from "node:assert/strict";
import { environmentSecrets } from "../../../policy/rules/environment-secrets.ts";
import { container, fails, judged, passes } from "./support.ts";

const VALUE = "hunter2hunter2";

describe("policy/environment-secrets", () => {
  for (const line of [
    "LOG_LEVEL=INFO",
    "REDIS_PASSWORD_FILE=/etc/berth/secrets/password",
    "GF_SECURITY_ADMIN_PASSWORD__FILE=/etc/berth/secrets/admin-password",
    "REDIS_ADDR=redis://monitor@redis:6379",
    "PUBLIC_URL=http://127.0.0.1:8000/a:b@c",
    "LLM_MAX_TOKENS=4096",
    "ACCESS_TOKEN_TTL=15m",
    "PASSWORD_LOGIN=false",
    "API_KEY=",
    "DATA_SOURCE_NAME=user=monitor dbname=pa host=/run/postgresql",
  ])
    it(`passes ${line}`, () => passes(environmentSecrets, container({ envs: ["A=1", line] })));
  for (const line of [
    `POSTGRES_PASSWORD=${VALUE}`,
    `PGPASSWORD=${VALUE}`,
    `JWT_SECRET=${VALUE}`,
    `OPENAI_API_KEY=${VALUE}`,
    `llm_token=${VALUE}`,
    "DB_PASSWORD=12345",
    `TLS_KEY_FILE=${VALUE}`,
    `DATABASE_URL=postgresql://app:${VALUE}@postgres:5432/pa`,
    `REDIS_URL=redis://:${VALUE}@redis:6379`,
    `DSN=user=app password=${VALUE}`,
  ])
    it(`refuses ${line}, and does not repeat the value`, () => {
      const of = container({ envs: ["A=1", line] });
      fails(environmentSecrets, of, line.split("=")[0]!, "_FILE");
      assert.ok(
        !judged(environmentSecrets, of)
          .join()
          .includes(line.startsWith("DB_") ? "12345" : VALUE),
      );
    });
});
