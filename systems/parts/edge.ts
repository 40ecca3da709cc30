/** The edge: nginx, which alone publishes beyond this machine, and the job that hands it a release's routes. */
import { z } from "zod";
import { leaf } from "../../config/schema.ts";
import { healthCheck } from "../../plan/health.ts";
import { EDGE_HTTP, EDGE_HTTPS, EDGE_METRICS, edgeFiles, silent } from "../../plan/routes.ts";
import type { ImageSpec, ServiceSpec } from "../../plan/types.ts";
import type { Args, Part } from "../part.ts";
import { content } from "./content.ts";

/** Where everybody is trusted, anybody says who calls. */
const network = z.union([z.cidrv4(), z.cidrv6()]).refine((text) => !text.endsWith("/0"));

export const edgePart = {
  images: { nginx: "nginx:1.30" },
  settings: {
    trustedProxies: leaf(z.array(network).default([]), {
      description:
        "Networks of the proxies in front of the edge (CDN, load balancer): who calls is whom they name in X-Forwarded-For, and X-Forwarded-Proto counts. Default: none, whoever connects is who calls.",
      allowed: "a list of networks in CIDR notation, none of them everybody's (/0)",
      example: ["10.0.0.0/8"],
    }),
  },
  secrets: {
    tlsCertificate: {
      description: "Certificate chain of the edge, PEM. Without it the edge speaks HTTP.",
      form: "pem",
      example: "$(cat fullchain.pem)",
      minLength: 64,
      needs: ["tlsKey"],
    },
    tlsKey: {
      description: "Private key of the certificate, PEM.",
      form: "pem",
      example: "$(cat privkey.pem)",
      minLength: 64,
      needs: ["tlsCertificate"],
    },
  },
} satisfies Part;

/** Uid of the user `nginx` in the official image. */
const UID = 101;
const TMP = "rw,noexec,nosuid,size=32m";
const LIVE = { name: "edge-live", path: "/live", keep: "scratch" } as const;
/** Bodies and answers that wait for slow clients. On a disk: in memory, they would count as the edge's own. */
const SCRATCH = { name: "edge-scratch", path: "/scratch", keep: "scratch" } as const;

/** Address of a service's internal route, for calls between services. */
export const edgeUrl = (port: number): string => `http://edge:${port}`;

export const edgeImage = ({ baseImage }: Args): ImageSpec => ({
  context: "services/edge",
  target: "runtime",
  args: { NGINX_IMAGE: baseImage("nginx") },
});

export function edge(args: Args<typeof edgePart.settings>, services: readonly ServiceSpec[]): ServiceSpec[] {
  const tls = args.has("tlsCertificate");
  const { settle, waitTimeout, trustedProxies } = args.settings;
  const drain = Math.floor(waitTimeout / 2);
  const on = services.filter((service) => args.isOn(service.name));
  const unasked = silent(on).map(({ name }) => name);
  return [
    {
      name: "edge",
      tier: "edge",
      kind: "stateful",
      image: { build: "edge" },
      uid: UID,
      command: ["edge-agent"],
      volumes: [LIVE, SCRATCH],
      tmpfs: { "/tmp": TMP },
      networks: ["edge", "app", "monitoring"],
      // Refused without a certificate, and the certificate without it (plan/checks).
      publish: { edge: EDGE_HTTP, "edge-tls": EDGE_HTTPS },
      port: EDGE_HTTP,
      metrics: { port: EDGE_METRICS },
      health: healthCheck.command(["curl", "-fsS", "-m", "3", "-o", "/dev/null", "http://127.0.0.1:8089/health"], {
        interval: 10,
        startPeriod: 10,
      }),
      // The host's port has one owner, and the new image begins with the routes that the old one served.
      rehearsal: {
        follows: {
          tells: ["sh", "-c", "tar -C /live/current -chf - . | base64"],
          takes: [
            "sh",
            "-c",
            "mkdir /live/tried && base64 -d | tar -C /live/tried -xf - && ln -sfn /live/tried /live/current && nginx -t -q -c /live/current/nginx.conf",
          ],
        },
      },
      // Its number of connections follows (services/edge/bin/edge-agent).
      limits: { memory: 512, cpus: 0.5, least: 128 },
      stopGrace: 10,
    },
    {
      name: "edge-routes",
      tier: "edge",
      kind: "job",
      image: { build: "edge" },
      uid: UID,
      command: ["edge-publish"],
      volumes: [LIVE],
      networks: [],
      config: edgeFiles(content("edge/nginx.conf"), on, {
        tls,
        publicUrl: args.publicUrl,
        settle,
        drain,
        trustedProxies,
      }),
      ...(tls ? { secrets: { "tls.crt": "@{tlsCertificate}", "tls.key": "@{tlsKey}" } } : {}),
      after: ["edge"],
      goesLive: true,
      ...(unasked.length ? { watches: { services: unasked, seconds: settle } } : {}),
      health: healthCheck.command(["test", "-e", "/tmp/published"], { startPeriod: 0 }),
      limits: { memory: 32, cpus: 0.25 },
      stopGrace: 5,
      waitTimeout: settle,
    },
  ];
}
