/**
 * Alerts of a falco-gateway, filtered, in order, and resumed by themselves.
 *
 * This part runs in browsers and in Node alike; `@falco-gateway/client/node` connects from Node.
 *
 * @module
 */
export { Code } from "@connectrpc/connect";
export * from "./error.js";
export * from "./event.js";
export { AlertStream, stream, type StreamOptions, type StreamRequest } from "./stream.js";

export * from "./gen/falcogateway/v1/alert_pb.js";
export * from "./gen/falcogateway/v1/alert_service_pb.js";
export * from "./gen/falcogateway/v1/gateway_service_pb.js";
export * from "./gen/falcogateway/v1/ingest_service_pb.js";
export * from "./gen/falcogateway/v1/stream_pb.js";
export * from "./gen/falcogateway/v1/subscription_service_pb.js";
