// What a page that shows alerts does, with the client library as any page would use it. The test reads the list.

import { Code, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { AlertService, GatewayError, stream, SubscriptionService, type StreamEvent } from "../../../clients/typescript/dist/src/index.js";

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

// The calls for those who cannot hold a stream with acknowledgements, as no browser can.
async function pull(): Promise<void> {
  const client = createClient(SubscriptionService, transport);
  const name = "page";
  await client.createSubscription({ name, start: { start: { case: "earliest", value: {} } } });
  let epoch = 0n;
  for (;;) {
    const pulled = await client.pullAlerts({ name, epoch, maxAlerts: 50 });
    if (pulled.records.length === 0) break;
    for (const { alert } of pulled.records) show("pulled", alert?.id ?? "");
    epoch = pulled.epoch;
    await client.acknowledgeAlerts({ name, epoch, cursor: pulled.cursor });
  }
  const { subscription } = await client.getSubscription({ name });
  show("lag", String(subscription?.lag));
  await client.acknowledgeAlerts({ name, epoch: epoch - 1n, cursor: subscription?.cursor ?? "" });
}

const runs: Record<string, () => Promise<void>> = { follow, single, pull };
runs[query.get("do") ?? "follow"]?.().catch(tell);
