import { durationMs, type Duration } from "@bufbuild/protobuf/wkt";

// What the gateway asks for beyond this, in seconds, it cannot mean.
const LONGEST = 600;

/** The seconds that the gateway asks for, but not less than none and not more than makes sense. */
export function seconds(asked: Duration | undefined): number {
  return asked ? Math.min(Math.max(durationMs(asked) / 1000, 0), LONGEST) : 0;
}
