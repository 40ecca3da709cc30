/**
 * A stand-in for Pulumi's docker provider, for networks where the official one cannot be had (bench only).
 * test/conformance holds it to the observed behaviour of the real one.
 */
import { serveProvider } from "../shared/provider.ts";
import { container } from "./container/container.ts";
import { invoke } from "./functions.ts";
import { configure } from "./host.ts";
import { image } from "./image/image.ts";
import { network } from "./network.ts";
import { remoteImage } from "./remote-image.ts";
import { volume } from "./volume.ts";

serveProvider({
  name: "docker",
  version: "5.2.0",
  configure,
  invoke,
  resources: {
    "docker:index/container:Container": container,
    "docker:index/image:Image": image,
    "docker:index/network:Network": network,
    "docker:index/remoteImage:RemoteImage": remoteImage,
    "docker:index/volume:Volume": volume,
  },
});
