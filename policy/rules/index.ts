/** Every rule. A test holds this list against the files beside it. */
import type { Rule } from "../rule.ts";
import { bindMounts } from "./bind-mounts.ts";
import { capabilities } from "./capabilities.ts";
import { devSettings } from "./dev-settings.ts";
import { engineAccess } from "./engine-access.ts";
import { environmentSecrets } from "./environment-secrets.ts";
import { healthCheck } from "./health-check.ts";
import { hostNamespaces } from "./host-namespaces.ts";
import { labels } from "./labels.ts";
import { limits } from "./limits.ts";
import { logCap } from "./log-cap.ts";
import { noNewPrivileges } from "./no-new-privileges.ts";
import { nonRoot } from "./non-root.ts";
import { pinnedImage } from "./pinned-image.ts";
import { privileged } from "./privileged.ts";
import { protectedData } from "./protected-data.ts";
import { publishedPorts } from "./published-ports.ts";
import { readOnlyRoot } from "./read-only-root.ts";
import { restart } from "./restart.ts";

export const rules: readonly Rule[] = [
  bindMounts,
  capabilities,
  devSettings,
  engineAccess,
  environmentSecrets,
  healthCheck,
  hostNamespaces,
  labels,
  limits,
  logCap,
  noNewPrivileges,
  nonRoot,
  pinnedImage,
  privileged,
  protectedData,
  publishedPorts,
  readOnlyRoot,
  restart,
];
