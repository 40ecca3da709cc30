import { publishedPorts } from "../../../policy/rules/published-ports.ts";
import { container, fails, labels, passes } from "./support.ts";

const publishing = (ip: string | undefined, service = "postgres") =>
  container({ labels: labels({ "berth.service": service }), ports: [{ internal: 5432, external: 5433, ip }] });

describe("policy/published-ports", () => {
  it("passes no port, and one on 127.0.0.1", () => {
    passes(publishedPorts, container({ ports: [] }));
    passes(publishedPorts, publishing("127.0.0.1"));
  });
  it("passes any address for the edge", () => passes(publishedPorts, publishing("0.0.0.0", "edge")));
  for (const ip of ["0.0.0.0", "192.168.1.5", "::", undefined])
    it(`refuses ${ip ?? "no address, which is every one"}`, () =>
      fails(publishedPorts, publishing(ip), `${ip ?? "0.0.0.0"}:5433 for port 5432`));
  it("refuses to publish whatever the image names, by the edge too", () =>
    fails(
      publishedPorts,
      container({ labels: labels({ "berth.service": "edge" }), publishAllPorts: true }),
      "publishAllPorts",
    ));
});
