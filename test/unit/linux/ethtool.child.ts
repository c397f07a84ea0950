/** Runs in a namespace with a veth pair v0, v1: reads and sets features and NAPI settings, and listens for changes. */
import { readFeatures, setFeature } from "../../../src/linux/ethtool.ts";
import { openLinkBell } from "../../../src/linux/linkbell.ts";
import { findLink } from "../../../src/linux/links.ts";
import { readNapi, writeNapi } from "../../../src/linux/napi.ts";

function refusal(act: () => void): { code: string; message: string } {
  try {
    act();
    return { code: "done", message: "" };
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return { code, message };
  }
}

const link = (await findLink("v0"))!;
const bell = openLinkBell();
const quiet = bell.rang();
const before = readFeatures("v0").get("rx-gro");
setFeature("v0", "rx-gro", true);
const rang = [bell.rang(), bell.rang()];
const after = readFeatures("v0").get("rx-gro");
setFeature("v0", "rx-gro", true);
setFeature("v0", "rx-gro", false);
const back = readFeatures("v0").get("rx-gro");
bell.close();

const napi = [readNapi(link, "gro_flush_timeout")];
writeNapi(link, "gro_flush_timeout", 12_345);
napi.push(readNapi(link, "gro_flush_timeout"));

const refusals = {
  fixed: refusal(() => setFeature("v0", "rx-gro-hw", true)),
  unknown: refusal(() => setFeature("v0", "rx-nix", true)),
  absent: refusal(() => readFeatures("nix")),
  name: refusal(() => readFeatures("far too long a name")),
  otherNamespace: refusal(() => readNapi({ name: "v0", index: link.index + 100 }, "gro_flush_timeout")),
  nobody: {} as object,
};
process.setuid?.(65534);
refusals.nobody = refusal(() => setFeature("v0", "rx-gro", true));
console.log(JSON.stringify({ quiet, before, rang, after, back, napi, refusals }));
