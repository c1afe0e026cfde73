"""Where live push is."""

LIVE = "/v1/live"
STREAM = f"{LIVE}/sse"
