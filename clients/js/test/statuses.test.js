import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { STATUSES, TERMINAL, WAY } from "../../../api/static/statuses.js";

test("every status of the schema has a name in both languages, and no other has", async () => {
  const schema = JSON.parse(await readFile(new URL("../../../schemas/avro/OrderStatusChanged.avsc", import.meta.url)));
  const { symbols } = schema.fields.find(({ name }) => name === "status").type;
  assert.deepEqual(
    Object.keys(STATUSES),
    symbols.filter((symbol) => symbol !== "unknown"),
  );
  for (const { id, en, tone } of Object.values(STATUSES)) assert.ok(id && en && tone);
  for (const status of [...WAY, ...TERMINAL]) assert.ok(status in STATUSES);
});
