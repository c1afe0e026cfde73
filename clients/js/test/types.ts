// Compiled, never run: what an application writes against the types.
import { LiveOrders, TicketError, type LiveState, type Order } from "../../../api/static/lacak.js";
import { STATUSES } from "../../../api/static/statuses.js";
import { tracesTo } from "../../../api/static/traces.js";

const shown = new Map<string, Order>();
const live = new LiveOrders({
  url: "https://lacak.example",
  getTicket: async ({ refused }) => {
    if (refused) throw new TicketError(401);
    return "ticket";
  },
  onSnapshot: (orders) => orders.forEach((order) => shown.set(order.id_order, order)),
  onChange: (order, previous) => console.log(STATUSES[order.status]?.id, previous?.version),
  onTrace: tracesTo("https://collector.example/v1/traces", { service: "toko" }),
  onState: ({ state, transport }: LiveState) => console.log(state, transport),
});
live.start();
// @ts-expect-error ids are strings
shown.get(42);
// @ts-expect-error a transport that is none
new LiveOrders({ transport: "polling" });
