import { Code, ConnectError } from "@connectrpc/connect";
import { seconds } from "./duration.js";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb.js";

// Trying the same again cannot help after these.
const FINAL: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.AlreadyExists,
  Code.PermissionDenied,
  Code.Unauthenticated,
  Code.FailedPrecondition,
  Code.OutOfRange,
  Code.Unimplemented,
  Code.DataLoss,
]);

/** A field of the request, and what is wrong with it. */
export interface Violation {
  readonly field: string;
  readonly description: string;
}

/** What the gateway refused, and why. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  readonly code: Code;
  /** One of the gateway's documented reasons, such as `CURSOR_EXPIRED`, or an empty string. */
  readonly reason: string;
  /** What belongs to the reason, such as `earliest_cursor`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields of the request that are wrong. */
  readonly violations: readonly Violation[];
  /** When the gateway asks to be tried again, in seconds. */
  readonly retryDelay: number | undefined;

  private constructor(cause: ConnectError) {
    const code = codeOf(cause);
    super(`${nameOf(code)}: ${cause.rawMessage}`, { cause });
    const info = cause.findDetails(ErrorInfoSchema)[0];
    const retry = cause.findDetails(RetryInfoSchema)[0]?.retryDelay;
    this.code = code;
    this.reason = info?.reason ?? "";
    this.metadata = { ...info?.metadata };
    this.violations = cause
      .findDetails(BadRequestSchema)
      .flatMap((bad) => bad.fieldViolations.map(({ field, description }) => ({ field, description })));
    this.retryDelay = retry && seconds(retry);
  }

  /** From whatever any of the gateway's calls threw. */
  static of(cause: unknown): GatewayError {
    return cause instanceof GatewayError ? cause : new GatewayError(ConnectError.from(cause));
  }

  /** The code as gRPC's documents write it, such as `OUT_OF_RANGE`. */
  get codeName(): string {
    return nameOf(this.code);
  }

  /** Whether trying the same again cannot help. */
  get isFinal(): boolean {
    return FINAL.has(this.code) || this.reason === "SLOW_CONSUMER";
  }
}

function codeOf({ code, cause }: ConnectError): Code {
  // Connect says DATA_LOSS, with a cause, of details that it cannot decode. Where our own sessions do
  // not prevent that, the code that was sent is lost: it may have been any.
  return code === Code.DataLoss && cause !== undefined ? Code.Unknown : code;
}

function nameOf(code: Code): string {
  // The one that Connect spells in another way than gRPC.
  if (code === Code.Canceled) return "CANCELLED";
  return (Code[code] ?? `CODE_${code}`).replace(/([a-z])([A-Z])/g, "$1_$2").toUpperCase();
}
