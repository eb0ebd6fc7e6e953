/*
 * Shows a stream as lines of JSON: node dist/examples/follow.js ADDRESS [REQUEST]
 *
 * REQUEST is a StreamAlertsRequest as JSON: '{"filter": "priority >= error", "last": 10}'
 */
import { enumToJson, fromJsonString } from "@bufbuild/protobuf";
import {
  GatewayError,
  LossCauseSchema,
  SourceStateSchema,
  StreamAlertsRequestSchema,
  StreamStateSchema,
  stream,
  type StreamEvent,
} from "@falco-gateway/client";
import { connect } from "@falco-gateway/client/node";

function said(event: StreamEvent): object {
  const { kind } = event;
  switch (kind) {
    case "opened":
      return { kind, filter: event.grant.effectiveFilter };
    case "alert":
      return { kind, id: event.alert.id, rule: event.alert.rule };
    case "loss": {
      const { lost, lowerBound, cause } = event.notice;
      return { kind, lost: Number(lost), lowerBound, cause: enumToJson(LossCauseSchema, cause) };
    }
    case "state":
      return { kind, state: enumToJson(StreamStateSchema, event.state) };
    case "source": {
      const { sourceId, state } = event.notice;
      return { kind, source: sourceId, state: enumToJson(SourceStateSchema, state) };
    }
    case "reconnecting":
      return { kind, why: event.why, delay: event.delay };
  }
}

function tell(line: object): void {
  console.log(JSON.stringify(line));
}

async function main(address: string, request = "{}"): Promise<number> {
  try {
    for await (const event of stream(connect(address), fromJsonString(StreamAlertsRequestSchema, request))) {
      tell({ ...said(event), cursor: event.cursor });
    }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const { codeName: code, reason, metadata, violations } = error;
    tell({ kind: "error", code, reason, metadata, fields: violations.map(({ field }) => field) });
    return 1;
  }
  tell({ kind: "end" });
  return 0;
}

const [address, request] = process.argv.slice(2);
if (!address) throw new TypeError("which gateway? follow.js ADDRESS [REQUEST]");
process.exitCode = await main(address, request);
