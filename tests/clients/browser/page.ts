// What a page that shows alerts does, with the client library as any page would use it. The test reads the list.

import { Code, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AlertService, GatewayError, stream, type StreamEvent } from "../../../clients/typescript/dist/src/index.js";

const query = new URLSearchParams(location.search);
const transport = createGrpcWebTransport({ baseUrl: query.get("gateway") ?? "" });
const list = document.querySelector("ol");

function show(kind: string, text: string): void {
  const item = document.createElement("li");
  item.dataset["kind"] = kind;
  item.textContent = text;
  list?.append(item);
}

function textOf(event: StreamEvent): string {
  switch (event.kind) {
    case "alert":
      return event.alert.id;
    case "loss":
      return String(event.notice.lost);
    case "reconnecting":
      return event.why;
    default:
      return event.cursor;
  }
}

function tell(error: unknown): void {
  const told = GatewayError.of(error);
  show("error", JSON.stringify({ code: Code[told.code], reason: told.reason, message: told.message }));
}

async function follow(): Promise<void> {
  const request = { filter: query.get("filter") ?? "", start: { case: "earliest" as const, value: {} } };
  for await (const event of stream(transport, request)) show(event.kind, textOf(event));
}

async function single(): Promise<void> {
  const client = createClient(AlertService, transport);
  const page = await client.listAlerts({ filter: query.get("filter") ?? "", pageSize: 2 });
  for (const { alert } of page.records) show("listed", alert?.id ?? "");
  const id = page.records[0]?.alert?.id ?? "";
  const got = await client.getAlert({ key: { case: "id", value: id } });
  show("got", got.record?.alert?.rule ?? "");
  await client.getAlert({ key: { case: "id", value: "0".repeat(32) } });
}

const run = query.get("do") === "single" ? single : follow;
run().catch(tell);
