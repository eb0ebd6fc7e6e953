import type { ClientHttp2Stream, IncomingHttpHeaders } from "node:http2";
import { decodeBinaryHeader } from "@connectrpc/connect";
import { Http2SessionManager } from "@connectrpc/connect-node";
import { StatusSchema } from "./gen/google/rpc/status_pb.js";

const DETAILS = "grpc-status-details-bin";

/**
 * Connections that take away details of an error that somebody made up, so that the code of the
 * status counts: Connect goes by the details alone, and says DATA_LOSS where it cannot decode them.
 */
export class Sessions extends Http2SessionManager {
  override async request(...call: Parameters<Http2SessionManager["request"]>): Promise<ClientHttp2Stream> {
    const stream = await super.request(...call);
    // Before Connect listens, and to the same headers that it gets.
    return stream.on("response", check).on("trailers", check);
  }
}

function check(headers: IncomingHttpHeaders): void {
  const details = headers[DETAILS];
  if (details !== undefined && codeIn(String(details)) !== Number(headers["grpc-status"])) delete headers[DETAILS];
}

function codeIn(details: string): number | undefined {
  try {
    return decodeBinaryHeader(details, StatusSchema).code;
  } catch {
    return undefined;
  }
}
